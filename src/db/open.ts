import type { DatabaseSettings } from '../config/config.ts'
import { Interruption } from '../core/interruption.ts'
import type { Database, SqliteFile } from './database.ts'

/** Called with the text of each statement, without its values. */
export type SqlTrace = (sql: string) => void

/** Options for opening a database. */
export interface OpenOptions {
  trace?: SqlTrace | undefined
  /** Makes the statements of this database fail when requested. Default: a new one. */
  interruption?: Interruption | undefined
  /** Default: `make`. */
  sqliteFile?: SqliteFile
}

/**
 * Opens the database. MySQL connects on the first query and is never migrated here. An
 * SQLite file is created and migrated if needed, unless `sqliteFile` says otherwise.
 *
 * @throws VdcError DATABASE_UNREACHABLE or DATABASE_REFUSED if an SQLite file cannot be
 *   opened; SCHEMA_NEWER if a later release created it; SCHEMA_MISSING if it lacks
 *   migrations and `sqliteFile` is `imitate`.
 */
export async function openDatabase(
  settings: DatabaseSettings,
  { trace, interruption = new Interruption(), sqliteFile = 'make' }: OpenOptions = {},
): Promise<Database> {
  const database =
    settings.engine === 'mysql'
      ? await (await import('./mysql/open.ts')).openMysql(settings, interruption)
      : await (await import('./sqlite/open.ts')).openSqlite(settings, interruption, sqliteFile)
  if (trace) database.knex.client.on('query', (query: { sql: string }) => trace(query.sql))
  return database
}

/**
 * Opens the database for reading: an SQLite file is not created, migrated or written
 * to. MySQL connects on the first query.
 *
 * @param options.patience milliseconds to wait for another process's lock on an SQLite file.
 * @returns undefined if an SQLite file does not exist but can be created, or has no schema yet.
 * @throws VdcError as `openDatabase`.
 */
export async function openDatabaseToRead(
  settings: DatabaseSettings,
  { patience, interruption = new Interruption() }: { patience: number; interruption?: Interruption | undefined },
): Promise<Database | undefined> {
  return settings.engine === 'mysql'
    ? (await import('./mysql/open.ts')).openMysql(settings, interruption)
    : (await import('./sqlite/open.ts')).openSqliteToRead(settings, interruption, patience)
}
