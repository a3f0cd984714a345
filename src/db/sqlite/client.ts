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
/** Rows of a list that are passed on together. */
const BATCH = 100

type Row = Record<string, unknown>

interface Query {
  sql: string
  bindings?: readonly unknown[]
  /** It is of `statement.ts`, and comes again. */
  isFixed?: boolean
  response?: Row[] | object
  context?: Row
}

/**
 * A row whose integers are numbers where these are exact, else decimal text, as
 * mysql2 gives them. libsql's own numbers are rounded beyond 2^53.
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

/** The rows of a statement in batches, exact (`exactNumbers`). */
function* batchesOf(rows: Iterable<Row>): Generator<Row[]> {
  let batch: Row[] = []
  for (const row of rows) {
    if (batch.push(exactNumbers(row)) < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** knex's dialect for better-sqlite3, on libsql, which has the same interface. */
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
   * libsql leaves all that was written in the write-ahead log, so that a copy of
   * the file alone would lack it: what this process wrote is moved over, as far
   * as nobody else is in the way.
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
      // knex puts the statement in front of the message; mysql2 keeps the bare one under this name.
      const failure = error as Error & { sqlMessage?: string }
      failure.sqlMessage = failure.message
      throw failure
    }
  }

  override async query(connection: Libsql.Database, query: { sql: string } | string): Promise<unknown> {
    return super.query(connection, query).catch((error: unknown) => {
      // Its transaction may still be open, and would be committed with whatever comes next.
      const isRollback = /^\s*rollback\b/i.test(typeof query === 'string' ? query : query.sql)
      // libsql does not reset a statement that waited in vain, and beside that one no COMMIT succeeds.
      if (isRollback || (error as { code?: string }).code?.startsWith('SQLITE_BUSY')) connection.close()
      throw this.translate(error)
    })
  }

  override async validateConnection(connection: Libsql.Database): Promise<boolean> {
    return connection.open
  }

  /** Writes the rows in batches; knex's own collects all of them first. */
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

/** The error for a file that can't be opened or made. */
export function notOpened(path: string, cause: unknown): VdcError {
  return new VdcError('DATABASE_UNREACHABLE', `The database sqlite://${path} cannot be opened`, {
    hint: 'Its folder must exist, and both must be readable and writable',
    cause,
  })
}

/** The dialect's class, whose statements an interruption keeps from running. */
export function libsqlClient(interruption: Interruption): typeof LibsqlClient {
  return class extends LibsqlClient {
    override async query(connection: Libsql.Database, query: { sql: string } | string): Promise<unknown> {
      interruption.throwBefore(typeof query === 'string' ? query : query.sql)
      return super.query(connection, query)
    }
  }
}
