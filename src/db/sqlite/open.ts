import { setTimeout as sleep } from 'node:timers/promises'
import knex, { type Knex } from 'knex'
import { describeDatabase, type SqliteSettings } from '../../config/config.ts'
import { VdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'
import type { Database, SqliteFile } from '../database.ts'
import { SILENT, translateDriverError } from '../drivers/errors.ts'
import { transaction } from '../transactions/transaction.ts'
import { libsqlClient } from './client.ts'
import { createFile, isFileThere, requireCreatable, sqliteUri } from './file.ts'
import { ownVersion, refuseForeignFile } from './owner.ts'

/**
 * The number of migrations that the file holds is kept in its header
 * (`PRAGMA user_version`), so that a file that is up to date costs one read at
 * start, and the code of the migrations isn't even loaded.
 */
export const SQLITE_SCHEMA_VERSION = 9

/**
 * Opens an SQLite file, and creates and migrates it when that is due. The
 * folder of the embedded default is created; a folder that somebody named and
 * mistyped is not.
 *
 * @param file whether that is done, or what instead.
 * @throws VdcError DATABASE_UNREACHABLE, DATABASE_REFUSED, SCHEMA_NEWER, SCHEMA_MISSING.
 */
export async function openSqlite(
  settings: SqliteSettings,
  interruption: Interruption,
  file: SqliteFile,
): Promise<Database> {
  const isThere = isFileThere(settings.path)
  const inMemory = file !== 'make' && !isThere
  if (inMemory) requireCreatable(settings)
  else if (!isThere) createFile(settings)
  else refuseForeignFile(settings.path)
  const db = knex({
    client: libsqlClient(interruption),
    connection: { filename: inMemory ? ':memory:' : settings.path },
    useNullAsDefault: true,
    log: SILENT,
    // What is in memory is gone with its connection.
    pool: { min: inMemory ? 1 : 0, max: 1 },
  })
  try {
    return opened(
      db,
      settings,
      interruption,
      await bringUpToDate(db, settings.path, inMemory && file === 'imitate' ? 'make' : file),
    )
  } catch (error) {
    await db.destroy()
    throw error
  }
}

/**
 * Opens an SQLite file for somebody who only looks: it is not created, migrated
 * or written to.
 *
 * @param patience milliseconds to wait for another process's lock; nothing else runs meanwhile.
 * @returns undefined where there is no such file yet, and it could be made, or no migration was done in it.
 * @throws VdcError DATABASE_UNREACHABLE, DATABASE_REFUSED, SCHEMA_NEWER.
 */
export async function openSqliteToRead(
  settings: SqliteSettings,
  interruption: Interruption,
  patience: number,
): Promise<Database | undefined> {
  if (!isFileThere(settings.path)) {
    requireCreatable(settings)
    return undefined
  }
  refuseForeignFile(settings.path)
  const db = knex({
    client: libsqlClient(interruption),
    connection: { filename: settings.path, uri: sqliteUri(settings.path, 'mode=ro'), busyTimeout: patience } as object,
    useNullAsDefault: true,
    log: SILENT,
    pool: { min: 0, max: 1 },
  })
  try {
    const version = await ownVersion(db, settings.path)
    refuseNewer(version, settings.path)
    if (version > 0) return opened(db, settings, interruption, false)
    await db.destroy()
    return undefined
  } catch (error) {
    await db.destroy()
    throw error
  }
}

function opened(db: Knex, settings: SqliteSettings, interruption: Interruption, created: boolean): Database {
  const translate = (error: unknown) => translateDriverError(error, describeDatabase(settings))
  return {
    knex: db,
    commits: 'unit',
    engine: 'sqlite',
    created,
    isCluster: () => false,
    interruption,
    translate,
    close: () => db.destroy(),
  }
}

function refuseNewer(version: number, path: string): void {
  if (version <= SQLITE_SCHEMA_VERSION) return
  throw new VdcError(
    'SCHEMA_NEWER',
    `The database sqlite://${path} was made by a later vdc-manage (schema ${version}, known is ${SQLITE_SCHEMA_VERSION})`,
    { hint: 'Use that release, or a later one' },
  )
}

/** @returns true when this call created the schema. */
async function bringUpToDate(db: Knex, path: string, file: SqliteFile): Promise<boolean> {
  const version = await ownVersion(db, path)
  refuseNewer(version, path)
  if (version === SQLITE_SCHEMA_VERSION || file === 'leave') return false
  if (file === 'imitate') {
    throw new VdcError(
      'SCHEMA_MISSING',
      `The database sqlite://${path} is to be migrated first (schema ${version}, needed is ${SQLITE_SCHEMA_VERSION}), which a dry run does not do`,
      { hint: 'Run: vdc-manage db migrate' },
    )
  }

  await useWriteAheadLog(db)
  const { migrateAll } = await import('../schema/migrate.ts')
  return transaction(db, async (trx) => {
    // Another process may have been faster while this one waited for the lock.
    const before = await ownVersion(trx, path)
    if (before >= SQLITE_SCHEMA_VERSION) return false
    await migrateAll(trx)
    await trx.raw(`PRAGMA user_version = ${SQLITE_SCHEMA_VERSION}`)
    return before === 0
  })
}

/** Switching a file to WAL needs it alone for a moment, and SQLite doesn't always wait for that. */
async function useWriteAheadLog(db: Knex): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    try {
      await db.raw('PRAGMA journal_mode = WAL')
      return
    } catch (error) {
      if (!(error instanceof VdcError) || error.code !== 'DATABASE_BUSY' || Date.now() > deadline) throw error
      await sleep(20 + Math.random() * 50)
    }
  }
}
