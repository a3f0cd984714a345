import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import {
  freeLock,
  isLocked,
  makeBookkeeping,
  newBatch,
  recordedMigrations,
  takeLock,
} from '../../../migrations/bookkeeping.ts'
import { type Migration, migrations } from '../../../migrations/index.ts'
import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../database.ts'

/** Milliseconds to wait for the next step of another migration, which takes less than a second unless the server is busy. */
const PATIENCE = 5000

/**
 * The state of a migration. `applied`: recorded as done; `present`: another program created
 * what it provides; `pending`: still to be run.
 */
type MigrationState = 'applied' | 'present' | 'pending'

/** The state of a database's schema. */
export interface SchemaStatus {
  /** The version in Wakame-vdc's table `schema_info`; null if there is no such table. */
  wakame_schema: number | null
  migrations: { name: string; state: MigrationState }[]
}

/** Returns a handle as the type that migrations expect. They use only what a handle has. */
function forMigrations(db: Queryable): Knex {
  return db as Knex
}

async function isInPlace(knex: Knex, migration: Migration): Promise<boolean> {
  for (const table of migration.tables) if (!(await knex.schema.hasTable(table))) return false
  return migration.isInPlace?.(knex) ?? true
}

/** Reads the state of the schema. Writes nothing. */
export async function schemaStatus(db: Queryable): Promise<SchemaStatus> {
  const knex = forMigrations(db)
  const recorded = await recordedMigrations(knex)
  const wakame = (await knex.schema.hasTable('schema_info')) ? await knex('schema_info').first('version') : undefined
  const status: SchemaStatus = { wakame_schema: wakame?.version ?? null, migrations: [] }
  for (const [name, migration] of migrations) {
    status.migrations.push({ name, state: recorded.has(name) ? 'applied' : await unrecordedState(knex, migration) })
  }
  return status
}

async function unrecordedState(knex: Knex, migration: Migration): Promise<MigrationState> {
  return (await isInPlace(knex, migration)) ? 'present' : 'pending'
}

/**
 * Runs and records the pending migrations in order. If several processes call this, one
 * runs them and the others wait.
 *
 * @returns the names of the migrations that it ran or recorded.
 * @throws VdcError MIGRATION_LOCKED if another migration does not end in time, or was killed.
 */
export async function migrateAll(db: Queryable): Promise<string[]> {
  const knex = forMigrations(db)
  await makeBookkeeping(knex)
  if (!(await waitForLock(knex))) return []
  try {
    // The previous owner of the lock may have run some.
    const recorded = await recordedMigrations(knex)
    const pending = [...migrations].filter(([name]) => !recorded.has(name))
    const record = await newBatch(knex)
    for (const [name, migration] of pending) {
      if (!(await isInPlace(knex, migration))) await migration.up(knex)
      await record(name)
    }
    await freeLock(knex)
    return pending.map(([name]) => name)
  } catch (error) {
    await freeLock(knex).catch(() => {})
    throw error
  }
}

/**
 * Takes the lock, waiting for it as long as another migration makes progress.
 *
 * @returns false if another process has run all migrations in the meantime.
 * @throws VdcError MIGRATION_LOCKED.
 */
async function waitForLock(knex: Knex): Promise<boolean> {
  let deadline = Date.now() + PATIENCE
  let done = 0
  while (!(await takeLock(knex).catch(lostToOtherNode))) {
    const { size } = await recordedMigrations(knex)
    if (size >= migrations.size) return false
    // A migration that records its steps is not one that was killed.
    if (size > done) deadline = Date.now() + PATIENCE
    done = size
    if (Date.now() > deadline) throw migrationLocked()
    await sleep(100 + Math.random() * 100)
  }
  return true
}

/** Returns false if a process took the lock on another node of the cluster at the same moment. Rethrows other errors. */
function lostToOtherNode(error: unknown): boolean {
  if (error instanceof VdcError && error.code === 'DATABASE_BUSY') return false
  throw error
}

/**
 * Checks that no other migration holds the lock.
 *
 * @throws VdcError MIGRATION_LOCKED.
 */
export async function requireUnlocked(db: Queryable): Promise<void> {
  if (await isLocked(forMigrations(db))) throw migrationLocked()
}

function migrationLocked(): VdcError {
  return new VdcError('MIGRATION_LOCKED', 'Another migration of this database is running, or one was killed', {
    hint: 'If none is running, remove the lock with: vdc-manage db migrate --unlock',
  })
}

/** Frees the lock of a migration that was killed. */
export async function unlockMigrations(db: Queryable): Promise<void> {
  await freeLock(forMigrations(db))
}
