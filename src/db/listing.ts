import type { Knex } from 'knex'
import { type Database, streamRows } from './database.ts'
import { findPosition, type OrderBy, type Ordered, type Page, type Position, whereOnPage } from './order.ts'

/** The rows `R` of a table as a list has them: which there are says a selection `S`, their order the keys `K`. */
export interface Listing<R, S, K extends string> {
  /** What the rows can be ordered by. */
  readonly keys: readonly K[]
  /** Streams rows as the database delivers them; without an order, oldest first. */
  stream(database: Database, selection: S, page: Page<K>): AsyncGenerator<R>
  /** How many rows a selection holds. */
  count(database: Database, selection: S): Promise<number>
  /** Where an order places a row, chosen or not; undefined where there is none with exactly this uuid. */
  positionOf(database: Database, order: readonly OrderBy<K>[], uuid: string): Promise<Position | undefined>
}

/** What a listing is made from. */
export interface ListingSource<S, K extends string> extends Ordered<K> {
  /** Whose rows they are. */
  table: string
  /** What is read of a row, as knex selects it. */
  read: readonly (string | ((database: Database) => Knex.Raw))[]
  /** The rows to choose from, with what columns and order need of other tables. */
  rows(database: Database): Knex.QueryBuilder
  /** The rows to choose from for a count, where fewer tables will do. */
  counted?(database: Database, selection: S): Knex.QueryBuilder
  /** Keeps the rows of a selection. */
  choose(database: Database, query: Knex.QueryBuilder, selection: S): void
}

/** Makes a listing. */
export function listing<R extends object, S, K extends string>(source: ListingSource<S, K>): Listing<R, S, K> {
  return {
    keys: Object.keys(source.columns) as K[],
    async *stream(database, selection, page) {
      const query = source
        .rows(database)
        .select(source.read.map((each) => (typeof each === 'string' ? each : each(database))))
      source.choose(database, query, selection)
      whereOnPage(database, query, source, page)
      yield* streamRows<R>(database, query, source.table)
    },
    async count(database, selection) {
      const query = source.counted?.(database, selection) ?? source.rows(database)
      source.choose(database, query, selection)
      return countRows(query)
    },
    positionOf: (database, order, uuid) => findPosition(database, source.rows(database), source, order, uuid),
  }
}

/** How many rows a query finds. */
export async function countRows(query: Knex.QueryBuilder): Promise<number> {
  const row: { n: number } | undefined = await query.count({ n: '*' }).first()
  return Number(row?.n)
}
