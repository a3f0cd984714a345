import type { Knex } from 'knex'
import { type Migration, migrations } from '../../migrations/index.ts'
import { VdcError } from '../errors.ts'

/** Our own names, so that another program's knex in the same database keeps its own. */
const TABLE_NAME = 'vdc_manage_migrations'
/** As knex calls it. */
const LOCK_TABLE_NAME = `${TABLE_NAME}_lock`

/** applied: run and recorded here; present: what it makes is there, made by another; pending: to be run. */
type MigrationState = 'applied' | 'present' | 'pending'

/** What a database has of the schema. */
export interface SchemaStatus {
  /** The version in Wakame-vdc's own `schema_info`; null where there is no such table. */
  wakame_schema: number | null
  migrations: { name: string; state: MigrationState }[]
}

const config: Knex.MigratorConfig = {
  tableName: TABLE_NAME,
  migrationSource: {
    getMigrations: async () => [...migrations.keys()],
    getMigrationName: (name: string) => name,
    getMigration: async (name: string) => {
      const migration = migrations.get(name) as Migration
      return {
        up: async (knex: Knex) => {
          if (!(await isInPlace(knex, migration))) await migration.up(knex)
        },
        down: async () => {
          throw new Error('migrations only go up')
        },
      }
    },
  } satisfies Knex.MigrationSource<string>,
}

async function isInPlace(knex: Knex, migration: Migration): Promise<boolean> {
  for (const table of migration.tables) if (!(await knex.schema.hasTable(table))) return false
  return migration.isInPlace?.(knex) ?? true
}

/** Reads what the database has of the schema. Writes nothing. */
export async function schemaStatus(knex: Knex): Promise<SchemaStatus> {
  const recorded = new Set<string>((await knex.schema.hasTable(TABLE_NAME)) ? await knex(TABLE_NAME).pluck('name') : [])
  const wakame = (await knex.schema.hasTable('schema_info')) ? await knex('schema_info').first('version') : undefined
  const status: SchemaStatus = { wakame_schema: wakame?.version ?? null, migrations: [] }
  for (const [name, migration] of migrations) {
    const state = recorded.has(name) ? 'applied' : (await isInPlace(knex, migration)) ? 'present' : 'pending'
    status.migrations.push({ name, state })
  }
  return status
}

/**
 * Runs what is pending, in order, and records it.
 *
 * @returns the names of the migrations that it ran or recorded.
 * @throws VdcError MIGRATION_LOCKED while another one runs, or after one was killed.
 */
export async function migrateAll(knex: Knex): Promise<string[]> {
  try {
    const [, names] = await knex.migrate.latest(config)
    return names
  } catch (error) {
    if (error instanceof Error && /already locked|MigrationLocked/i.test(`${error.name} ${error.message}`)) {
      throw migrationLocked(error)
    }
    throw error
  }
}

/**
 * Makes sure that no other migration is running, as far as the lock tells.
 *
 * @throws VdcError MIGRATION_LOCKED.
 */
export async function requireUnlocked(knex: Knex): Promise<void> {
  if (!(await knex.schema.hasTable(LOCK_TABLE_NAME))) return
  if ((await knex(LOCK_TABLE_NAME).where({ is_locked: 1 }).first()) !== undefined) throw migrationLocked()
}

function migrationLocked(cause?: Error): VdcError {
  return new VdcError('MIGRATION_LOCKED', 'Another migration of this database is running, or one was killed', {
    hint: 'If none is running: vdc-manage db migrate --unlock',
    cause,
  })
}

/** Frees the lock that a killed migration left. */
export async function unlockMigrations(knex: Knex): Promise<void> {
  if (await knex.schema.hasTable(LOCK_TABLE_NAME)) await knex.migrate.forceFreeMigrationsLock(config)
}
