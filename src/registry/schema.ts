import type * as z from 'zod/mini'
import { describeDatabase } from '../config/config.ts'
import { VdcError } from '../core/errors.ts'
import { migrateAll, requireUnlocked, schemaStatus, unlockMigrations } from '../db/schema/migrate.ts'
import { lackOf, RAKE_DB_UP, releaseOf, schemaOlder, WAKAME_SCHEMA } from '../db/schema/wakame-schema.ts'
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
    ...(found.wakame_schema === null ? {} : { wakame_release: releaseOf(found.wakame_schema) }),
    pending: found.migrations.filter((migration) => migration.state === 'pending').length,
    ...found,
  }
}

/** What the schema of an older Wakame-vdc does not allow, and the way out; undefined where it allows all. */
export function schemaLack({ wakame_schema: version }: DatabaseStatus): string | undefined {
  const lack = lackOf(version)
  return lack && `${lack}. ${RAKE_DB_UP}`
}

/**
 * Brings the schema up to date; touches nothing where nothing is pending.
 *
 * @param options.unlock frees the lock of a migration that was killed first.
 * @returns the names of the migrations that were pending and ran; in a dry run those that would.
 * @throws VdcError MIGRATION_LOCKED; SCHEMA_OLDER where Wakame-vdc's own migrations come first; USAGE where all is to be committed together.
 */
export async function migrateDatabase(registry: Registry, options: { unlock: boolean }): Promise<string[]> {
  const { knex, commits } = registry.database
  const isDryRun = registry.onChange !== undefined
  if (commits === 'outer') {
    throw new VdcError('USAGE', 'Migrating cannot be a part of --tx bulk: what creates a table commits at once', {
      hint: 'Run it by itself: vdc-manage db migrate',
    })
  }
  if (options.unlock && !isDryRun) await unlockMigrations(knex)
  const { migrations, wakame_schema: wakame } = await schemaStatus(knex)
  const pending = migrations.filter(({ state }) => state === 'pending').map(({ name }) => name)
  if (pending.length === 0) return pending
  // Its own migrations make these tables, and would fail where they are.
  if (wakame !== null && wakame < WAKAME_SCHEMA) throw schemaOlder(wakame, pending.join(', '))
  if (isDryRun) {
    if (!options.unlock) await requireUnlocked(knex)
    return pending
  }
  const ran = await migrateAll(knex)
  return pending.filter((name) => ran.includes(name))
}
