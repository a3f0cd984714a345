import { setTimeout as sleep } from 'node:timers/promises'
import knex, { type Knex } from 'knex'
import { describeDatabase, type SqliteSettings } from '../../config/config.ts'
import { VdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'
import type { Database, SqliteFile } from '../database.ts'
import { SILENT, translateDriverError } from '../drivers/errors.ts'
import { transaction } from '../transactions/transaction.ts'
import { libsqlClient } from './client.ts'
import { createFile, isFileThere, needsImmutable, requireCreatable, sqliteUri } from './file.ts'
import { ownVersion, refuseForeignFile } from './owner.ts'

/**
 * The number of migrations in an up-to-date file. The file's header stores it
 * (`PRAGMA user_version`), so that one read shows whether the migrations must be loaded.
 */
export const SQLITE_SCHEMA_VERSION = 9

/**
 * Opens an SQLite file. Creates and migrates it if needed. Only the folder of the
 * embedded registry is created: a folder that the user named may be a typo.
 *
 * @param file how to open a file that is missing or lacks migrations.
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
    connection: inMemory
      ? { filename: ':memory:' }
      : ({ filename: settings.path, uri: immutableUri(settings.path) } as object),
    useNullAsDefault: true,
    log: SILENT,
    // A database in memory lives only as long as its connection.
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
 * Opens an SQLite file for reading. It is not created, migrated or written to.
 *
 * @param patience milliseconds to wait for another process's lock. This blocks the process.
 * @returns undefined if the file does not exist but can be created, or has no schema yet.
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
    connection: {
      filename: settings.path,
      uri: immutableUri(settings.path) ?? sqliteUri(settings.path, 'mode=ro'),
      busyTimeout: patience,
    } as object,
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

function immutableUri(path: string): string | undefined {
  return needsImmutable(path) ? sqliteUri(path, 'immutable=1') : undefined
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
    `The database sqlite://${path} was created by a later vdc-manage (schema ${version}; this release supports ${SQLITE_SCHEMA_VERSION})`,
    { hint: 'Upgrade vdc-manage to that release or a later one' },
  )
}

/** Migrates the database if needed. Returns true if this call created the schema. */
async function bringUpToDate(db: Knex, path: string, file: SqliteFile): Promise<boolean> {
  const version = await ownVersion(db, path)
  refuseNewer(version, path)
  if (version === SQLITE_SCHEMA_VERSION || file === 'leave') return false
  if (file === 'imitate') {
    throw new VdcError(
      'SCHEMA_MISSING',
      `The database sqlite://${path} must be migrated from schema ${version} to ${SQLITE_SCHEMA_VERSION}, which a dry run does not do`,
      { hint: 'Run: vdc-manage db migrate' },
    )
  }

  await useWriteAheadLog(db)
  const { migrateAll } = await import('../schema/migrate.ts')
  return transaction(db, async (trx) => {
    // Another process may have migrated it while this one waited for the lock.
    const before = await ownVersion(trx, path)
    if (before >= SQLITE_SCHEMA_VERSION) return false
    await migrateAll(trx)
    await trx.raw(`PRAGMA user_version = ${SQLITE_SCHEMA_VERSION}`)
    return before === 0
  })
}

/** Switches the file to WAL. That needs exclusive access for a moment, and SQLite doesn't always wait for it. */
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
