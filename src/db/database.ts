import type { Knex } from 'knex'
import type { DatabaseSettings } from '../config.ts'
import type { VdcError } from '../errors.ts'

/** A handle that queries run on: the connection, or a transaction on it. */
export type Queryable = Knex | Knex.Transaction

/** An open database. */
export interface Database {
  readonly knex: Knex
  readonly engine: 'mysql' | 'sqlite'
  /** True when this very call created and migrated the file of an SQLite database. */
  readonly created: boolean
  /** Makes a VdcError of what the driver threw where knex itself is passed by. */
  translate(error: unknown): VdcError
  close(): Promise<void>
}

/** Told of every statement that runs, without its values. */
export type SqlTrace = (sql: string) => void

/**
 * Opens the database. MySQL connects at the first query and is never migrated
 * here; SQLite is created and migrated when it has to be.
 *
 * @throws VdcError DATABASE_UNREACHABLE or DATABASE_REFUSED when an SQLite file
 *   can't be opened, SCHEMA_NEWER when a later release made it.
 */
export async function openDatabase(settings: DatabaseSettings, trace?: SqlTrace): Promise<Database> {
  const database =
    settings.engine === 'mysql'
      ? await (await import('./mysql.ts')).openMysql(settings)
      : await (await import('./sqlite.ts')).openSqlite(settings)
  if (trace) database.knex.on('query', (query: { sql: string }) => trace(query.sql))
  return database
}

/** Streams the rows of a query as the database delivers them; memory does not grow with their number. */
export async function* streamRows<T>(database: Database, query: Knex.QueryBuilder): AsyncGenerator<T> {
  const stream = query.stream()
  const closed = new Promise((resolve) => stream.once('close', resolve))
  try {
    for await (const row of stream) yield row as T
  } catch (error) {
    throw database.translate(error)
  } finally {
    // knex gives the connection back when the stream closes, which must be before the database does.
    await closed
  }
}
