import type { Database, Queryable } from '../database.ts'
import { transaction } from './transaction.ts'

/**
 * Runs `work`, which only reads, on the database as it is at one moment, however
 * long it takes: others may write meanwhile, and are neither seen nor kept waiting.
 *
 * @throws VdcError what `work` threw.
 */
export async function inSnapshot<T>(database: Database, work: (db: Queryable) => Promise<T>): Promise<T> {
  return transaction(database.knex, work, { snapshot: true })
}
