import type { Knex } from 'knex'
import type { Database } from './database.ts'

/**
 * A column for comparisons that tell case and trailing blanks apart, which the
 * collation does not. No index serves it: compare the plain column as well.
 */
export function exact({ knex, engine }: Database, column: string): Knex.Raw {
  return knex.raw(engine === 'mysql' ? 'CAST(?? AS BINARY)' : '?? COLLATE BINARY', [column])
}
