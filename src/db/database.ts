import type { Knex } from 'knex'
import type { DatabaseSettings } from '../config.ts'
import type { VdcError } from '../errors.ts'
import { Interruption } from '../interruption.ts'
import type { WrittenRow } from './rows.ts'

/** A handle that queries run on: the connection, or a transaction on it (`transaction`). */
export interface Queryable extends Pick<Knex, 'client' | 'fn' | 'from' | 'raw' | 'schema'> {
  // biome-ignore lint/suspicious/noExplicitAny: as knex has it, whose rows are of any type unless that is named
  <R extends object = any>(table: string | Readonly<Record<string, string>>): Knex.QueryBuilder<R>
}

/**
 * When what a unit of work wrote is committed: `unit`, when the unit ends;
 * `outer`, with the transaction that it is a part of; `statement`, as it goes.
 */
type Commits = 'unit' | 'outer' | 'statement'

/** An open database. */
export interface Database {
  /** The connection; a transaction on it where `commits` is `outer`. */
  readonly knex: Queryable
  readonly commits: Commits
  readonly engine: 'mysql' | 'sqlite'
  /** True when this very call created and migrated the file of an SQLite database, or its stand-in. */
  readonly created: boolean
  /** Says whether the server of the last connection is a node of a Galera cluster. */
  isCluster(): boolean
  /** Makes a VdcError of what the driver threw where knex itself is passed by. */
  translate(error: unknown): VdcError
  /** Asked for, it makes every statement but a rollback fail, so that what runs ends with nothing half done. */
  readonly interruption: Interruption
  /** Set in a dry run, in which each unit of work is undone at its end: told what it had written. */
  readonly dryRun?: ((written: readonly WrittenRow[]) => void) | undefined
  /** Told of each try of a unit of work that is committed by itself, from 1, and with 0 of its end. */
  readonly onTry?: ((attempt: number) => void) | undefined
  close(): Promise<void>
}

/** Told of every statement that runs, without its values. */
export type SqlTrace = (sql: string) => void

/**
 * What opening does to an SQLite file that isn't there or lacks migrations:
 * `make` creates and migrates it; `imitate` leaves it, takes a database in
 * memory for one that isn't there, and refuses one that lacks migrations;
 * `leave` leaves it, and takes an empty database in memory for one that isn't there.
 */
export type SqliteFile = 'make' | 'imitate' | 'leave'

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
