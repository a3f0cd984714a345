import type { Knex } from 'knex'
import type { VdcError } from '../core/errors.ts'
import type { Interruption } from '../core/interruption.ts'
import type { WrittenRow } from './tables/rows.ts'

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

/**
 * What opening does to an SQLite file that isn't there or lacks migrations:
 * `make` creates and migrates it; `imitate` leaves it, takes a database in
 * memory for one that isn't there, and refuses one that lacks migrations;
 * `leave` leaves it, and takes an empty database in memory for one that isn't there.
 */
export type SqliteFile = 'make' | 'imitate' | 'leave'
