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

/** Milliseconds that a migration waits for another one, which takes less than a second. */
const PATIENCE = 5000

/** applied: run and recorded here; present: what it makes is there, made by another; pending: to be run. */
type MigrationState = 'applied' | 'present' | 'pending'

/** What a database has of the schema. */
export interface SchemaStatus {
  /** The version in Wakame-vdc's own `schema_info`; null where there is no such table. */
  wakame_schema: number | null
  migrations: { name: string; state: MigrationState }[]
}

/** Migrations are written for knex, of which they use no more than a handle has. */
function forMigrations(db: Queryable): Knex {
  return db as Knex
}

async function isInPlace(knex: Knex, migration: Migration): Promise<boolean> {
  for (const table of migration.tables) if (!(await knex.schema.hasTable(table))) return false
  return migration.isInPlace?.(knex) ?? true
}

/** Reads what the database has of the schema. Writes nothing. */
export async function schemaStatus(db: Queryable): Promise<SchemaStatus> {
  const knex = forMigrations(db)
  const recorded = await recordedMigrations(knex)
  const wakame = (await knex.schema.hasTable('schema_info')) ? await knex('schema_info').first('version') : undefined
  const status: SchemaStatus = { wakame_schema: wakame?.version ?? null, migrations: [] }
  for (const [name, migration] of migrations) {
    const state = recorded.has(name) ? 'applied' : (await isInPlace(knex, migration)) ? 'present' : 'pending'
    status.migrations.push({ name, state })
  }
  return status
}

/**
 * Runs what is pending, in order, and records it. Of several processes one does
 * so while the others wait for it.
 *
 * @returns the names of the migrations that it ran or recorded.
 * @throws VdcError MIGRATION_LOCKED when another one runs for long, or one was killed.
 */
export async function migrateAll(db: Queryable): Promise<string[]> {
  const knex = forMigrations(db)
  await makeBookkeeping(knex)
  if (!(await waitForLock(knex))) return []
  try {
    // Whoever had the lock until now may have run some.
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
 * Waits for the lock.
 *
 * @returns false when whoever has it ran all migrations meanwhile.
 * @throws VdcError MIGRATION_LOCKED.
 */
async function waitForLock(knex: Knex): Promise<boolean> {
  const deadline = Date.now() + PATIENCE
  while (!(await takeLock(knex).catch(tookAnother))) {
    if ((await recordedMigrations(knex)).size >= migrations.size) return false
    if (Date.now() > deadline) throw migrationLocked()
    await sleep(100 + Math.random() * 100)
  }
  return true
}

/** On another node of the cluster somebody took the lock at the same moment. */
function tookAnother(error: unknown): boolean {
  if (error instanceof VdcError && error.code === 'DATABASE_BUSY') return false
  throw error
}

/**
 * Makes sure that no other migration is running, as far as the lock tells.
 *
 * @throws VdcError MIGRATION_LOCKED.
 */
export async function requireUnlocked(db: Queryable): Promise<void> {
  if (await isLocked(forMigrations(db))) throw migrationLocked()
}

function migrationLocked(): VdcError {
  return new VdcError('MIGRATION_LOCKED', 'Another migration of this database is running, or one was killed', {
    hint: 'If none is running: vdc-manage db migrate --unlock',
  })
}

/** Frees the lock that a killed migration left. */
export async function unlockMigrations(db: Queryable): Promise<void> {
  await freeLock(forMigrations(db))
}
