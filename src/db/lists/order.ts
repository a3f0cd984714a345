import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { exact } from '../sql/exact-text.ts'

/** A value of a row in a list: a column with the alias of its table, or an expression that depends on the engine. */
export type Value = string | Expression

interface Expression {
  of: (database: Database) => Knex.Raw
  /** Aliases of the joined tables that it refers to. */
  joins?: readonly string[]
}

/** A value to sort a list by, and its type. */
export interface OrderColumn {
  of: Value
  type: 'text' | 'number' | 'time'
}

/** Sorts by a text. */
export const text = (of: Value): OrderColumn => ({ of, type: 'text' })
/** Sorts by a number. */
export const number = (of: Value): OrderColumn => ({ of, type: 'number' })
/** Sorts by a time. */
export const time = (of: Value): OrderColumn => ({ of, type: 'time' })

/** The alias of a listed table, and the columns to sort it by. */
export interface Ordered<K extends string> {
  /** The table's name within the query. */
  alias: string
  columns: Readonly<Record<K, OrderColumn>>
}

/** A sort key and its direction. */
export interface OrderBy<K extends string = string> {
  key: K
  descending: boolean
}

/** The position of a row in an order: its values for the sort keys and its integer ID. */
export type Position = readonly unknown[]

/** A part of a sorted list: at most `limit` rows, starting after a position. */
export interface Page<K extends string = string> {
  order: readonly OrderBy<K>[]
  after?: Position | undefined
  limit?: number | undefined
}

interface Step {
  value: Knex.Raw
  type: OrderColumn['type']
  descending: boolean
}

/**
 * Sorts the rows of a query and restricts it to a page. Texts are sorted by their
 * UTF-8 bytes. NULL comes first, or last in descending order. Rows with equal values
 * are sorted by integer ID, oldest first.
 */
export function whereOnPage<K extends string>(
  database: Database,
  query: Knex.QueryBuilder,
  ordered: Ordered<K>,
  { order, after, limit }: Page<K>,
): void {
  const steps = stepsOf(database, ordered, order)
  for (const { value, descending } of steps) query.orderBy(value as never, descending ? 'desc' : 'asc')
  if (after !== undefined) query.where((clause) => whereAfter(database, clause, steps, after))
  if (limit !== undefined) query.limit(limit)
}

/**
 * Finds the position of a row in an order.
 *
 * @param query all rows of the table, with the joins that the order needs.
 * @param uuid exact. If several rows have it, the last one counts, so that paging always advances.
 * @returns undefined if there is no such row.
 */
export async function findPosition<K extends string>(
  database: Database,
  query: Knex.QueryBuilder,
  ordered: Ordered<K>,
  order: readonly OrderBy<K>[],
  uuid: string,
): Promise<Position | undefined> {
  const steps = stepsOf(database, ordered, order)
  const column = `${ordered.alias}.uuid`
  query.where(column, uuid).where(exact(database, column) as never, uuid)
  for (const { value, descending } of steps) query.orderBy(value as never, descending ? 'asc' : 'desc')
  const values = steps.map(({ value }, index) => database.knex.raw('? as ??', [value, `value_${index}`]))
  const row: Record<string, unknown> | undefined = await query.first(values)
  return row && steps.map((_, index) => row[`value_${index}`])
}

function stepsOf<K extends string>(
  database: Database,
  { alias, columns }: Ordered<K>,
  order: readonly OrderBy<K>[],
): Step[] {
  const steps = order.map(({ key, descending }): Step => {
    const { of, type } = columns[key]
    const column = typeof of === 'string' ? database.knex.raw('??', [of]) : of.of(database)
    return { value: type === 'text' ? exact(database, column) : column, type, descending }
  })
  return [...steps, { value: database.knex.raw('??', [`${alias}.id`]), type: 'number', descending: false }]
}

/** Restricts a query to rows after a position: the first value is after it, or is equal and the second is after it, and so on. */
function whereAfter(
  database: Database,
  clause: Knex.QueryBuilder,
  [step, ...rest]: readonly Step[],
  [place, ...places]: Position,
): void {
  if (step === undefined) {
    clause.whereRaw('1 = 0')
    return
  }
  const { value, descending } = step
  if (place === null) {
    // NULL is the first in an ascending order and the last in a descending one.
    if (!descending) clause.whereNotNull(value as never)
    clause.orWhere((same) => {
      same.whereNull(value as never).where((next) => whereAfter(database, next, rest, places))
    })
    return
  }
  const bound = boundTo(database, step, place)
  clause.whereRaw(`? ${descending ? '<' : '>'} ?`, [value, bound])
  if (descending) clause.orWhereNull(value as never)
  if (rest.length === 0) return
  clause.orWhere((same) => {
    same.whereRaw('? = ?', [value, bound]).where((next) => whereAfter(database, next, rest, places))
  })
}

/** Binds a value of a position. Numbers beyond 2^53 are text, which the engines would not always compare as numbers. */
function boundTo({ knex, engine }: Database, { type }: Step, place: unknown): Knex.Value {
  if (type !== 'number') return place as Knex.Value
  return knex.raw(engine === 'mysql' ? 'CAST(? AS SIGNED)' : 'CAST(? AS INTEGER)', [String(place)])
}
