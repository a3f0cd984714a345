import type * as z from 'zod/mini'
import { describeDatabase } from '../config/config.ts'
import { VdcError } from '../core/errors.ts'
import { migrateAll, requireUnlocked, schemaStatus, unlockMigrations } from '../db/schema/migrate.ts'
import { lackOf, RAKE_DB_UP, releaseOf, schemaOlder, WAKAME_SCHEMA } from '../db/schema/wakame-schema.ts'
import type { Registry } from './registry.ts'
import type { databaseStatus as status } from './results/database.ts'

/** The kind of database and the state of its schema. */
export type DatabaseStatus = z.output<typeof status>

/** Reads the state of the schema. Writes nothing to MySQL; an SQLite file is migrated when it is opened. */
export async function databaseStatus(registry: Registry): Promise<DatabaseStatus> {
  const { settings } = registry
  const found = await schemaStatus(registry.database.knex)
  return {
    database: describeDatabase(settings),
    engine: settings.engine,
    ...(found.wakame_schema === null ? {} : { wakame_release: releaseOf(found.wakame_schema) }),
    pending: found.migrations.filter((migration) => migration.state === 'pending').length,
    ...found,
  }
}

/**
 * Describes what the schema of an older Wakame-vdc does not support, and how to upgrade it.
 *
 * @returns undefined if the schema supports everything.
 */
export function schemaLack({ wakame_schema: version }: DatabaseStatus): string | undefined {
  const lack = lackOf(version)
  return lack && `${lack}. ${RAKE_DB_UP}`
}

/**
 * Runs the pending migrations; writes nothing if there are none.
 *
 * @param options.unlock first release the lock of a migration that was killed.
 * @returns the names of the migrations that ran, or would run in a dry run.
 * @throws VdcError MIGRATION_LOCKED if another migration holds the lock; SCHEMA_OLDER if
 *   Wakame-vdc's own migrations must run first; USAGE within --tx bulk.
 */
export async function migrateDatabase(registry: Registry, options: { unlock: boolean }): Promise<string[]> {
  const { knex, commits } = registry.database
  const isDryRun = registry.onChange !== undefined
  if (commits === 'outer') {
    throw new VdcError('USAGE', 'Cannot migrate within --tx bulk, because creating a table commits at once', {
      hint: 'Run it on its own: vdc-manage db migrate',
    })
  }
  if (options.unlock && !isDryRun) await unlockMigrations(knex)
  const { migrations, wakame_schema: wakame } = await schemaStatus(knex)
  const pending = migrations.filter(({ state }) => state === 'pending').map(({ name }) => name)
  if (pending.length === 0) return pending
  // Wakame-vdc's migrations create these tables, and fail if they exist.
  if (wakame !== null && wakame < WAKAME_SCHEMA) throw schemaOlder(wakame, pending.join(', '))
  if (isDryRun) {
    if (!options.unlock) await requireUnlocked(knex)
    return pending
  }
  const ran = await migrateAll(knex)
  return pending.filter((name) => ran.includes(name))
}
