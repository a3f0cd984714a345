import type { Database, Queryable } from '../database.ts'
import { transaction } from './transaction.ts'

/**
 * Runs `work`, which only reads, on a snapshot of the database. Other processes can write
 * at the same time; `work` does not see their changes.
 *
 * @throws errors of `work`.
 */
export async function inSnapshot<T>(database: Database, work: (db: Queryable) => Promise<T>): Promise<T> {
  return transaction(database.knex, work, { snapshot: true })
}
