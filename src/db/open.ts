import type { DatabaseSettings } from '../config/config.ts'
import { Interruption } from '../core/interruption.ts'
import type { Database, SqliteFile } from './database.ts'

/** Told of every statement that runs, without its values. */
export type SqlTrace = (sql: string) => void

/** How a database is opened. */
export interface OpenOptions {
  trace?: SqlTrace | undefined
  /** What ends the statements of this database; one of its own where none is given. */
  interruption?: Interruption | undefined
  /** Default: `make`. */
  sqliteFile?: SqliteFile
}

/**
 * Opens the database. MySQL connects at the first query and is never migrated
 * here; SQLite is created and migrated when it has to be.
 *
 * @throws VdcError DATABASE_UNREACHABLE or DATABASE_REFUSED when an SQLite file
 *   can't be opened, SCHEMA_NEWER when a later release made it, SCHEMA_MISSING
 *   when it lacks migrations and is only imitated.
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
 * Opens the database for somebody who only looks: an SQLite file is neither
 * created nor migrated nor written to. MySQL connects at the first query.
 *
 * @param options.patience milliseconds to wait for another process's lock on an SQLite file.
 * @returns undefined where an SQLite file is not there yet, and could be made, or no migration was done in it.
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
