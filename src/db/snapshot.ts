import type { Database, Queryable } from './database.ts'

/**
 * Runs `work`, which only reads, on the database as it is at one moment, however
 * long it takes: others may write meanwhile, and are neither seen nor kept waiting.
 *
 * @throws VdcError what `work` threw.
 */
export async function inSnapshot<T>(database: Database, work: (db: Queryable) => Promise<T>): Promise<T> {
  // MySQL knows no readOnly beside a level in knex's words; SQLite needs it, as transactions lock at their start here.
  const config = database.engine === 'mysql' ? { isolationLevel: 'repeatable read' as const } : { readOnly: true }
  return database.knex.transaction(work, config)
}
