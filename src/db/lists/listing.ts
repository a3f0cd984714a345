import type { Knex } from 'knex'
import { VdcError } from '../../core/errors.ts'
import type { Database } from '../database.ts'
import { completeRows } from '../schema/wakame-schema.ts'
import { streamRows } from '../stream.ts'
import { findPosition, type OrderBy, type Ordered, type Page, type Position, type Value, whereOnPage } from './order.ts'

/** Lists rows `R` of a table, selected by `S` and sorted by the keys `K`. */
export interface Listing<R, S, K extends string> {
  /** The sort keys. */
  readonly keys: readonly K[]
  /** Streams rows with the given fields, in batches as the database delivers them; without an order, oldest first. */
  stream<F extends keyof R & string>(
    database: Database,
    selection: S,
    page: Page<K>,
    fields: readonly F[],
  ): AsyncGenerator<Pick<R, F>[]>
  /** Counts the rows of a selection. */
  count(database: Database, selection: S): Promise<number>
  /** Returns the position of a row, selected or not, in an order; undefined if no row has exactly this uuid. */
  positionOf(database: Database, order: readonly OrderBy<K>[], uuid: string): Promise<Position | undefined>
}

/** A table to join if needed, with at most one row per listed row. */
interface Join {
  /** Its name within the query. */
  alias: string
  /** Aliases of earlier joins that the condition of this one refers to. */
  needs?: readonly string[]
  join(database: Database, query: Knex.QueryBuilder): void
}

/** Describes a listing. */
export interface ListingSource<S, K extends string> extends Ordered<K> {
  table: string
  /** Fields of a row that are not columns of the table. */
  others?: Readonly<Record<string, Value>>
  /** The tables that `others`, `columns` and `choose` may need, in the order in which they are joined. */
  joins?: readonly Join[]
  /** Returns the aliases of the joins that a selection needs. */
  joinsOf?(selection: S): readonly string[]
  /** Restricts a query to the rows of a selection. */
  choose(database: Database, query: Knex.QueryBuilder, selection: S): void
}

/** Creates a listing. Its queries read only the columns and join only the tables that they need. */
export function listing<R extends object, S, K extends string>(source: ListingSource<S, K>): Listing<R, S, K> {
  const { table, alias, columns } = source
  const others = source.others ?? {}
  const orderJoins = (order: readonly OrderBy<K>[]) => order.flatMap(({ key }) => joinsOf(columns[key].of))
  const chosenJoins = (selection: S) => source.joinsOf?.(selection) ?? []
  const rows = (database: Database, needed: readonly string[]) => {
    const query = database.knex(`${table} as ${alias}`)
    for (const { join } of withNeeds(source.joins ?? [], needed)) join(database, query)
    return query
  }
  /** @param fields names of the fields; `*` for all columns of the table itself. */
  const selected = (database: Database, selection: S, page: Page<K>, fields: readonly string[]) => {
    const reads = fields.map((field) => others[field] ?? `${alias}.${field}`)
    const query = rows(database, [...reads.flatMap(joinsOf), ...orderJoins(page.order), ...chosenJoins(selection)])
    query.select(reads.map((read, at) => selectAs(database, read, fields[at] as string)))
    source.choose(database, query, selection)
    whereOnPage(database, query, source, page)
    return query
  }
  return {
    keys: Object.keys(columns) as K[],
    async *stream<F extends keyof R & string>(
      database: Database,
      selection: S,
      page: Page<K>,
      fields: readonly F[],
    ): AsyncGenerator<Pick<R, F>[]> {
      try {
        return yield* streamRows<Pick<R, F>>(database, selected(database, selection, page, fields))
      } catch (error) {
        // This is thrown before the first row. Read only the columns that an older schema has.
        if (!(error instanceof VdcError) || error.code !== 'SCHEMA_OLDER') throw error
      }
      const there = ['*', ...fields.filter((field) => field in others)]
      for await (const some of streamRows<Pick<R, F>>(database, selected(database, selection, page, there)))
        yield completeRows(table, some)
    },
    async count(database, selection) {
      const query = rows(database, chosenJoins(selection))
      source.choose(database, query, selection)
      return countRows(query)
    },
    positionOf: (database, order, uuid) =>
      findPosition(database, rows(database, orderJoins(order)), source, order, uuid),
  }
}

/** Counts the rows of a query. */
export async function countRows(query: Knex.QueryBuilder): Promise<number> {
  const row: { n: number } | undefined = await query.count({ n: '*' }).first()
  return Number(row?.n)
}

/** Returns the aliases of the tables that a value comes from. */
function joinsOf(value: Value): readonly string[] {
  return typeof value === 'string' ? [value.slice(0, value.indexOf('.'))] : (value.joins ?? [])
}

/** Returns the joins with these aliases, and the joins that they depend on. */
function withNeeds(joins: readonly Join[], needed: readonly string[]): Join[] {
  const names = new Set(needed)
  for (const { alias, needs } of joins.toReversed())
    if (names.has(alias)) for (const need of needs ?? []) names.add(need)
  return joins.filter(({ alias }) => names.has(alias))
}

function selectAs(database: Database, value: Value, field: string): string | Knex.Raw {
  if (typeof value !== 'string') return database.knex.raw('? as ??', [value.of(database), field])
  return value.endsWith(`.${field}`) ? value : `${value} as ${field}`
}
