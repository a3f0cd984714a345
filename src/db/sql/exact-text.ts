import type { Knex } from 'knex'
import type { Database, Queryable } from '../database.ts'

/**
 * Returns a text column or expression for comparisons in which case and trailing
 * spaces count, unlike in the collation, and for sorting by UTF-8 bytes. It cannot use
 * an index, so compare the plain column as well.
 */
export function exact({ knex }: Pick<Database, 'knex'>, text: string | Knex.Raw): Knex.Raw {
  return knex.raw(isSqlite(knex) ? '(?? COLLATE BINARY)' : 'CAST(?? AS BINARY)', [text])
}

/** Returns the distinct values of a column in a query. DISTINCT alone would treat `a-x` and `a-X` as equal. */
export async function distinctTexts(db: Queryable, query: Knex.QueryBuilder, column: string): Promise<string[]> {
  return query.distinct(exact({ knex: db }, column) as never).pluck(column)
}

/** Returns an expression for the canonical ID of a row, from its uuid column. */
export function canonical({ knex, engine }: Database, prefix: string, uuid: string): Knex.Raw {
  return knex.raw(engine === 'mysql' ? 'CONCAT(?, ??)' : '(? || ??)', [prefix, uuid])
}

/** Returns a condition for `where` or `on` that two texts have the same bytes. */
export function sameText(database: Database, a: string | Knex.Raw, b: string | Knex.Raw): Knex.Raw {
  return database.knex.raw('? = ?', [exact(database, a), exact(database, b)])
}

/** Returns true if a handle is for SQLite. For code that has no `Database`. */
export function isSqlite(db: Queryable): boolean {
  return db.client.dialect !== 'mysql'
}
