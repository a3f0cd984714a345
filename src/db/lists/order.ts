import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { exact } from '../sql/exact-text.ts'

/** A value of a row in a list: a column, with its table's name within the query, or an expression made for the engine. */
export type Value = string | Expression

interface Expression {
  of: (database: Database) => Knex.Raw
  /** The tables within the query that it needs, beside that of the rows. */
  joins?: readonly string[]
}

/** What a list can be ordered by, and what that holds. */
export interface OrderColumn {
  of: Value
  type: 'text' | 'number' | 'time'
}

export const text = (of: Value): OrderColumn => ({ of, type: 'text' })
export const number = (of: Value): OrderColumn => ({ of, type: 'number' })
export const time = (of: Value): OrderColumn => ({ of, type: 'time' })

/** How the rows of a list are named and what they can be ordered by. */
export interface Ordered<K extends string> {
  /** The table's name within the query. */
  alias: string
  columns: Readonly<Record<K, OrderColumn>>
}

/** One key of an order. */
export interface OrderBy<K extends string = string> {
  key: K
  descending: boolean
}

/** The values of a row by which an order places it. */
export type Position = readonly unknown[]

/** Which part of an ordered list is wanted: at most `limit` rows, those behind a position. */
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
 * Puts the rows of a query in order and keeps those of a page. Texts are ordered
 * by the bytes of UTF-8; NULL comes first, and last where the order descends.
 * What is equal comes oldest first, by the integer id.
 */
export function whereOnPage<K extends string>(
  database: Database,
  query: Knex.QueryBuilder,
  ordered: Ordered<K>,
  { order, after, limit }: Page<K>,
): void {
  const steps = stepsOf(database, ordered, order)
  for (const { value, descending } of steps) query.orderBy(value as never, descending ? 'desc' : 'asc')
  if (after !== undefined) query.where((clause) => whereBehind(database, clause, steps, after))
  if (limit !== undefined) query.limit(limit)
}

/**
 * Finds where an order places a row.
 *
 * @param query the rows of the list and what the order's expressions need; without any choice.
 * @param uuid exact. Where several rows have it, the last of them counts, so that going on always gets further.
 * @returns undefined where there is no such row.
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

/** `a` behind, or `a` the same and `b` behind, and so on. */
function whereBehind(
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
      same.whereNull(value as never).where((next) => whereBehind(database, next, rest, places))
    })
    return
  }
  const bound = boundTo(database, step, place)
  clause.whereRaw(`? ${descending ? '<' : '>'} ?`, [value, bound])
  if (descending) clause.orWhereNull(value as never)
  if (rest.length === 0) return
  clause.orWhere((same) => {
    same.whereRaw('? = ?', [value, bound]).where((next) => whereBehind(database, next, rest, places))
  })
}

/** Numbers beyond 2^53 come as text, which would not be compared as a number everywhere. */
function boundTo({ knex, engine }: Database, { type }: Step, place: unknown): Knex.Value {
  if (type !== 'number') return place as Knex.Value
  return knex.raw(engine === 'mysql' ? 'CAST(? AS SIGNED)' : 'CAST(? AS INTEGER)', [String(place)])
}
