import type { Knex } from 'knex'
import type { VdcError } from '../core/errors.ts'
import type { Interruption } from '../core/interruption.ts'
import type { WrittenRow } from './tables/rows.ts'

/** A handle to run queries on: the connection, or a transaction on it (`transaction`). */
export interface Queryable extends Pick<Knex, 'client' | 'fn' | 'from' | 'raw' | 'schema'> {
  // biome-ignore lint/suspicious/noExplicitAny: the same as in knex, whose rows have any type by default
  <R extends object = any>(table: string | Readonly<Record<string, string>>): Knex.QueryBuilder<R>
}

/**
 * When the writes of a unit of work are committed: `unit`, when the unit ends;
 * `outer`, with the outer transaction; `statement`, after each statement.
 */
type Commits = 'unit' | 'outer' | 'statement'

/** An open database. */
export interface Database {
  /** The connection; if `commits` is `outer`, a transaction on it. */
  readonly knex: Queryable
  readonly commits: Commits
  readonly engine: 'mysql' | 'sqlite'
  /** True if opening it created the schema of an SQLite database, in its file or in memory. */
  readonly created: boolean
  /** Returns true if the last connection was to a node of a Galera cluster. */
  isCluster(): boolean
  /** Turns an error of the driver into a VdcError, for code that bypasses knex. */
  translate(error: unknown): VdcError
  /** When requested, every statement except a rollback fails, so that nothing is left half done. */
  readonly interruption: Interruption
  /** Set in a dry run, which rolls back each unit of work: called with the rows that the unit wrote. */
  readonly dryRun?: ((written: readonly WrittenRow[]) => void) | undefined
  /** Called before each attempt of a unit of work with its own commit, from 1, and with 0 when the unit ends. */
  readonly onTry?: ((attempt: number) => void) | undefined
  close(): Promise<void>
}

/**
 * How to open an SQLite file that is missing or lacks migrations:
 * `make` creates and migrates it; `imitate` doesn't change it, opens a migrated
 * database in memory if the file is missing, and refuses a file that lacks migrations;
 * `leave` doesn't change it, and opens an empty database in memory if the file is missing.
 */
export type SqliteFile = 'make' | 'imitate' | 'leave'
