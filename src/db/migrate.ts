import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import { type Migration, migrations } from '../../migrations/index.ts'
import { VdcError } from '../errors.ts'

/** Our own names, so that another program's knex in the same database keeps its own. */
const TABLE_NAME = 'vdc_manage_migrations'
/** Its one row says whether a migration is running. */
const LOCK_TABLE_NAME = `${TABLE_NAME}_lock`
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
 * Runs what is pending, in order, and records it. Of several processes one does
 * so while the others wait for it.
 *
 * @returns the names of the migrations that it ran or recorded.
 * @throws VdcError MIGRATION_LOCKED when another one runs for long, or one was killed.
 */
export async function migrateAll(knex: Knex): Promise<string[]> {
  await makeBookkeeping(knex)
  await takeLock(knex)
  try {
    // Whoever had the lock until now may have run some.
    const recorded = new Set<string>(await knex(TABLE_NAME).pluck('name'))
    const pending = [...migrations].filter(([name]) => !recorded.has(name))
    const [last] = await knex(TABLE_NAME).max({ batch: 'batch' })
    for (const [name, migration] of pending) {
      if (!(await isInPlace(knex, migration))) await migration.up(knex)
      await knex(TABLE_NAME).insert({ name, batch: (last?.batch ?? 0) + 1, migration_time: knex.fn.now() })
    }
    await freeLock(knex)
    return pending.map(([name]) => name)
  } catch (error) {
    await freeLock(knex).catch(() => {})
    throw error
  }
}

/** Makes our two tables, which have the form that knex's own migrations gave them, and the one row of the lock. */
async function makeBookkeeping(knex: Knex): Promise<void> {
  await makeTable(knex, TABLE_NAME, (table) => {
    table.increments()
    table.string('name')
    table.integer('batch')
    table.timestamp('migration_time')
  })
  await makeTable(knex, LOCK_TABLE_NAME, (table) => {
    table.increments('index').primary()
    table.integer('is_locked')
  })
  const rows: { index: number }[] = await knex(LOCK_TABLE_NAME).orderBy('index')
  // With a key of its own, as several processes may find that there is none.
  if (rows.length === 0) await knex(LOCK_TABLE_NAME).insert({ index: 1, is_locked: 0 }).onConflict('index').ignore()
  // Earlier releases could leave two, which nobody could lock.
  const more = rows.slice(1).map((row) => row.index)
  if (more.length > 0) await knex(LOCK_TABLE_NAME).whereIn('index', more).where({ is_locked: 0 }).delete()
}

async function makeTable(knex: Knex, name: string, columns: (table: Knex.CreateTableBuilder) => void): Promise<void> {
  if (await knex.schema.hasTable(name)) return
  await knex.schema.createTable(name, columns).catch(async (error: unknown) => {
    // Another process was faster.
    if (!(await knex.schema.hasTable(name))) throw error
  })
}

/** @throws VdcError MIGRATION_LOCKED. */
async function takeLock(knex: Knex): Promise<void> {
  const deadline = Date.now() + PATIENCE
  for (;;) {
    const rows: { index: number; is_locked: number }[] = await knex(LOCK_TABLE_NAME).orderBy('index')
    const taken = rows.some((row) => row.is_locked !== 0)
      ? 0
      : await knex(LOCK_TABLE_NAME)
          .where({ index: rows[0]?.index, is_locked: 0 })
          .update({ is_locked: 1 })
          .catch((error: unknown) => {
            // On another node of the cluster somebody took it at the same moment.
            if (error instanceof VdcError && error.code === 'DATABASE_BUSY') return 0
            throw error
          })
    if (taken > 0) return
    if (Date.now() > deadline) throw migrationLocked()
    await sleep(100 + Math.random() * 100)
  }
}

async function freeLock(knex: Knex): Promise<void> {
  await knex(LOCK_TABLE_NAME).update({ is_locked: 0 })
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

function migrationLocked(): VdcError {
  return new VdcError('MIGRATION_LOCKED', 'Another migration of this database is running, or one was killed', {
    hint: 'If none is running: vdc-manage db migrate --unlock',
  })
}

/** Frees the lock that a killed migration left. */
export async function unlockMigrations(knex: Knex): Promise<void> {
  if (!(await knex.schema.hasTable(LOCK_TABLE_NAME))) return
  await freeLock(knex)
  await makeBookkeeping(knex)
}
