import type { Knex } from 'knex'
import type { Database, Queryable } from '../database.ts'

/**
 * A column, or an expression of text, for comparisons that tell case and trailing
 * blanks apart, which the collation does not, and for an order by the bytes of
 * UTF-8. No index serves it: compare the plain column as well.
 */
export function exact({ knex }: Pick<Database, 'knex'>, text: string | Knex.Raw): Knex.Raw {
  return knex.raw(isSqlite(knex) ? '(?? COLLATE BINARY)' : 'CAST(?? AS BINARY)', [text])
}

/** The values of a column that a query finds, each once: DISTINCT alone takes `a-x` and `a-X` for one, and answers either. */
export async function distinctTexts(db: Queryable, query: Knex.QueryBuilder, column: string): Promise<string[]> {
  return query.distinct(exact({ knex: db }, column) as never).pluck(column)
}

/** The canonical id of a row, from its column with the uuid, as an expression. */
export function canonical({ knex, engine }: Database, prefix: string, uuid: string): Knex.Raw {
  return knex.raw(engine === 'mysql' ? 'CONCAT(?, ??)' : '(? || ??)', [prefix, uuid])
}

/** A condition for `where` or `on`: two texts are the same, to the byte. */
export function sameText(database: Database, a: string | Knex.Raw, b: string | Knex.Raw): Knex.Raw {
  return database.knex.raw('? = ?', [exact(database, a), exact(database, b)])
}

/** Says which engine a handle is of, where no `Database` is at hand. */
export function isSqlite(db: Queryable): boolean {
  return db.client.dialect !== 'mysql'
}
