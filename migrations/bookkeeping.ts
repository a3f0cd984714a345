import type { Knex } from 'knex'

/*
 * Two tables record which migrations were run, and lock the database during a
 * migration. Their columns are those of knex's migrator; their names differ, so that
 * another program can use knex's migrator in the same database.
 */

const DONE = 'vdc_manage_migrations'
const LOCK = `${DONE}_lock`

/** Returns the names of the migrations that are recorded as done. */
export async function recordedMigrations(knex: Knex): Promise<Set<string>> {
  return new Set((await knex.schema.hasTable(DONE)) ? await knex(DONE).pluck('name') : [])
}

/** Starts a batch. Returns a function that records a migration as done under the number of the batch. */
export async function newBatch(knex: Knex): Promise<(name: string) => Promise<void>> {
  const [last] = await knex(DONE).max({ batch: 'batch' })
  const batch = (last?.batch ?? 0) + 1
  return async (name) => {
    await knex(DONE).insert({ name, batch, migration_time: knex.fn.now() })
  }
}

/** Creates the two tables and the row of the lock if they are missing. Several processes may do so at once. */
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
  // The fixed key keeps several processes from inserting one each.
  if (rows.length === 0) await knex(LOCK).insert({ index: 1, is_locked: 0 }).onConflict('index').ignore()
  // Earlier releases could insert two rows, and then no process could take the lock.
  const more = rows.slice(1).map((row) => row.index)
  if (more.length > 0) await knex(LOCK).whereIn('index', more).where({ is_locked: 0 }).delete()
}

async function makeTable(knex: Knex, name: string, columns: (table: Knex.CreateTableBuilder) => void): Promise<void> {
  if (await knex.schema.hasTable(name)) return
  await knex.schema.createTable(name, columns).catch(async (error: unknown) => {
    // Another process may have created the table first.
    if (!(await knex.schema.hasTable(name))) throw error
  })
}

/** Returns true if a migration is running, or was killed. */
export async function isLocked(knex: Knex): Promise<boolean> {
  return (await knex.schema.hasTable(LOCK)) && (await lockRows(knex)).some((row) => row.is_locked !== 0)
}

/** Takes the lock if it is free. Returns true if it was taken; only one of several processes gets it. */
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

/** Frees the lock, even if another process holds it. */
export async function freeLock(knex: Knex): Promise<void> {
  if (await knex.schema.hasTable(LOCK)) await knex(LOCK).update({ is_locked: 0 })
}
