import type { Knex } from 'knex'

/*
 * What is done of the migrations, and who does it: two tables of our own names,
 * so that another program's knex in the same database keeps its own, in the form
 * that knex's own migrator gave them.
 */

const DONE = 'vdc_manage_migrations'
const LOCK = `${DONE}_lock`

/** The names of the migrations that are recorded as done. */
export async function recordedMigrations(knex: Knex): Promise<Set<string>> {
  return new Set((await knex.schema.hasTable(DONE)) ? await knex(DONE).pluck('name') : [])
}

/** Records migrations as done as they are run, under one number. */
export async function newBatch(knex: Knex): Promise<(name: string) => Promise<void>> {
  const [last] = await knex(DONE).max({ batch: 'batch' })
  const batch = (last?.batch ?? 0) + 1
  return async (name) => {
    await knex(DONE).insert({ name, batch, migration_time: knex.fn.now() })
  }
}

/** Makes the two tables where they are missing, and the one row of the lock; what processes do so at once make one. */
export async function makeBookkeeping(knex: Knex): Promise<void> {
  await makeTable(knex, DONE, (table) => {
    table.increments()
    table.string('name')
    table.integer('batch')
    table.timestamp('migration_time')
  })
  await makeTable(knex, LOCK, (table) => {
    table.increments('index').primary()
    table.integer('is_locked')
  })
  const rows = await lockRows(knex)
  // With a key of its own, as several processes may find that there is none.
  if (rows.length === 0) await knex(LOCK).insert({ index: 1, is_locked: 0 }).onConflict('index').ignore()
  // Earlier releases could leave two, which nobody could lock.
  const more = rows.slice(1).map((row) => row.index)
  if (more.length > 0) await knex(LOCK).whereIn('index', more).where({ is_locked: 0 }).delete()
}

async function makeTable(knex: Knex, name: string, columns: (table: Knex.CreateTableBuilder) => void): Promise<void> {
  if (await knex.schema.hasTable(name)) return
  await knex.schema.createTable(name, columns).catch(async (error: unknown) => {
    // Another process was faster.
    if (!(await knex.schema.hasTable(name))) throw error
  })
}

/** Says whether a migration is running, or was killed. */
export async function isLocked(knex: Knex): Promise<boolean> {
  return (await knex.schema.hasTable(LOCK)) && (await lockRows(knex)).some((row) => row.is_locked !== 0)
}

/** Takes the lock, if nobody has it; of several that try at once one does. */
export async function takeLock(knex: Knex): Promise<boolean> {
  const rows = await lockRows(knex)
  const [first] = rows
  if (first === undefined || rows.some((row) => row.is_locked !== 0)) return false
  const taken = await knex(LOCK).where({ index: first.index, is_locked: 0 }).update({ is_locked: 1 })
  return taken > 0
}

async function lockRows(knex: Knex): Promise<{ index: number; is_locked: number | null }[]> {
  return knex(LOCK).orderBy('index')
}

/** Frees the lock, whoever has it. */
export async function freeLock(knex: Knex): Promise<void> {
  if (await knex.schema.hasTable(LOCK)) await knex(LOCK).update({ is_locked: 0 })
}
