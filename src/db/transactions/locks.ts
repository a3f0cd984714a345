import type { Knex } from 'knex'

/**
 * A row lock until the transaction ends: with `share`, no transaction can change the rows;
 * with `update`, only this one can.
 */
export type Lock = 'share' | 'update'

/** Makes a query lock the rows that it finds. SQLite has no row locks: there, only one transaction at a time can write. */
export function locked<T extends Knex.QueryBuilder>(query: T, lock: Lock | undefined): T {
  if (lock === 'share') query.forShare()
  if (lock === 'update') query.forUpdate()
  return query
}
