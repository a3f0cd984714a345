import type { Knex } from 'knex'

/** How rows are kept until the transaction ends: `share`, as they are; `update`, for this transaction to change. */
export type Lock = 'share' | 'update'

/** A query that locks what it finds. SQLite has no such locks: there, a transaction that writes is alone. */
export function locked<T extends Knex.QueryBuilder>(query: T, lock: Lock | undefined): T {
  if (lock === 'share') query.forShare()
  if (lock === 'update') query.forUpdate()
  return query
}
