import { accessSync, constants } from 'node:fs'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import SqliteDialect from 'knex/lib/dialects/better-sqlite3/index.js'
import Libsql from 'libsql'
import { VdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'
import { translateDriverError } from '../drivers/errors.ts'
import { compile, keptStatement } from './kept-statements.ts'

/** Milliseconds that a statement waits for another process's lock. */
const BUSY_TIMEOUT = 10_000
/** Rows of a list in one batch. */
const BATCH = 100

type Row = Record<string, unknown>

interface Query {
  sql: string
  bindings?: readonly unknown[]
  /** Set by `src/db/statement.ts`: the statement will run again, so it is kept compiled. */
  isFixed?: boolean
  response?: Row[] | object
  context?: Row
}

/**
 * Converts the integers of a row, in place: to numbers if these are exact, or else to
 * decimal text, as in mysql2. libsql's numbers are rounded beyond 2^53.
 */
function exactNumbers(row: Row): Row {
  for (const column in row) {
    const value = row[column]
    if (typeof value === 'bigint') row[column] = isSafe(value) ? Number(value) : String(value)
  }
  return row
}

function isSafe(value: bigint): boolean {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
}

/** Yields the rows of a statement in batches, with exact integers. */
function* batchesOf(rows: Iterable<Row>): Generator<Row[]> {
  let batch: Row[] = []
  for (const row of rows) {
    if (batch.push(exactNumbers(row)) < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** knex's dialect for better-sqlite3 with libsql, which has the same interface. */
class LibsqlClient extends SqliteDialect {
  _driver() {
    return Libsql
  }

  override async acquireRawConnection(): Promise<unknown> {
    try {
      const { filename, uri = filename, busyTimeout = BUSY_TIMEOUT } = this.connectionSettings
      const connection = new Libsql(uri)
      connection.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
      return connection
    } catch (error) {
      throw notOpened(this.connectionSettings.filename, error)
    }
  }

  /**
   * Moves the writes of this process from the write-ahead log to the file, as far as other
   * processes allow. libsql does not, so a copy of the file alone would lack them.
   */
  override async destroyRawConnection(connection: Libsql.Database): Promise<void> {
    if (!connection.open) return
    const { changes } = connection.prepare('SELECT total_changes() AS changes').get() as { changes: number }
    if (changes > 0) connection.exec('PRAGMA wal_checkpoint(PASSIVE)')
    connection.close()
  }

  override async _query(connection: Libsql.Database, query: Query): Promise<unknown> {
    try {
      const statement = query.isFixed ? keptStatement(connection, query.sql) : compile(connection, query.sql)
      const bindings = this._formatBindings(query.bindings)
      if (statement.reader) query.response = (statement.all(bindings) as Row[]).map(exactNumbers)
      else {
        const { lastInsertRowid, changes } = statement.run(bindings)
        query.context = exactNumbers({ lastID: lastInsertRowid, changes })
        query.response = query.context
      }
      return query
    } catch (error) {
      // knex puts the statement in front of the message. Keep the original where mysql2 has it.
      const failure = error as Error & { sqlMessage?: string }
      failure.sqlMessage = failure.message
      throw failure
    }
  }

  override async query(connection: Libsql.Database, query: { sql: string } | string): Promise<unknown> {
    return super.query(connection, query).catch((error: unknown) => {
      // Otherwise the open transaction could be committed together with the next one.
      const isRollback = /^\s*rollback\b/i.test(typeof query === 'string' ? query : query.sql)
      // libsql does not reset a statement that failed with SQLITE_BUSY, and then every COMMIT fails.
      if (isRollback || (error as { code?: string }).code?.startsWith('SQLITE_BUSY')) connection.close()
      throw this.translate(error)
    })
  }

  override async validateConnection(connection: Libsql.Database): Promise<boolean> {
    return connection.open
  }

  /** Writes the rows in batches; knex's method would collect all of them first. */
  async _stream(
    connection: Libsql.Database,
    query: { sql: string; bindings: unknown[] },
    stream: Writable,
  ): Promise<void> {
    const rows = compile(connection, query.sql).iterate(...this._formatBindings(query.bindings)) as Iterable<Row>
    await pipeline(batchesOf(rows), stream)
  }

  translate(error: unknown): VdcError {
    return translateDriverError(error, `sqlite://${this.connectionSettings.filename}`)
  }
}

/** Returns the error for a database file that cannot be opened or created. */
export function notOpened(path: string, cause: unknown): VdcError {
  const why = isForbidden(path) ? ': permission denied' : ''
  return new VdcError('DATABASE_UNREACHABLE', `The database sqlite://${path} cannot be opened${why}`, {
    hint: 'Check that its folder exists, and that both are readable and writable',
    cause,
  })
}

/** SQLite does not say so. */
function isForbidden(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'
  }
}

/** Returns the dialect as a class whose statements fail when an interruption is requested. */
export function libsqlClient(interruption: Interruption): typeof LibsqlClient {
  return class extends LibsqlClient {
    override async query(connection: Libsql.Database, query: { sql: string } | string): Promise<unknown> {
      interruption.throwBefore(typeof query === 'string' ? query : query.sql)
      return super.query(connection, query)
    }
  }
}
