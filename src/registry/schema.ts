import type * as z from 'zod/mini'
import { describeDatabase } from '../config.ts'
import { migrateAll, requireUnlocked, schemaStatus, unlockMigrations } from '../db/migrate.ts'
import { VdcError } from '../errors.ts'
import type { Registry } from './registry.ts'
import type { databaseStatus as status } from './results/database.ts'

/** What a database is and what it has of the schema. */
export type DatabaseStatus = z.output<typeof status>

/** Reads what the database has of the schema. Writes nothing on MySQL; SQLite is up to date once it is open. */
export async function databaseStatus(registry: Registry): Promise<DatabaseStatus> {
  const { settings } = registry
  const found = await schemaStatus(registry.database.knex)
  return {
    database: describeDatabase(settings),
    engine: settings.engine,
    pending: found.migrations.filter((migration) => migration.state === 'pending').length,
    ...found,
  }
}

/**
 * Brings the schema up to date; touches nothing where nothing is pending.
 *
 * @param options.unlock frees the lock of a migration that was killed first.
 * @returns the names of the migrations that were pending and ran; in a dry run those that would.
 * @throws VdcError MIGRATION_LOCKED; USAGE where all is to be committed together.
 */
export async function migrateDatabase(registry: Registry, options: { unlock: boolean }): Promise<string[]> {
  const { knex, commits } = registry.database
  const isDryRun = registry.onChange !== undefined
  if (commits === 'outer') {
    throw new VdcError('USAGE', 'Migrating can not be a part of --tx bulk: what creates a table commits at once', {
      hint: 'Run it by itself: vdc-manage db migrate',
    })
  }
  if (options.unlock && !isDryRun) await unlockMigrations(knex)
  const pending = (await schemaStatus(knex)).migrations
    .filter((migration) => migration.state === 'pending')
    .map(({ name }) => name)
  if (pending.length === 0) return pending
  if (!isDryRun) await migrateAll(knex)
  else if (!options.unlock) await requireUnlocked(knex)
  return pending
}
