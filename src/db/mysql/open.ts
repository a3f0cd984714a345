import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import knex from 'knex'
import MysqlDialect from 'knex/lib/dialects/mysql2/index.js'
import mysql2 from 'mysql2'
import { describeDatabase, type MysqlSettings } from '../../config/config.ts'
import { monotonicTime } from '../../core/clock.ts'
import type { Interruption } from '../../core/interruption.ts'
import type { Database } from '../database.ts'
import { SILENT, translateDriverError } from '../drivers/errors.ts'
import { explainMissing } from '../schema/wakame-schema.ts'
import type { Arrivals } from './answers.ts'
import { connectPatience, connectToFirst } from './connect.ts'
import type { DriverConnection } from './driver.ts'
import { explainLoss } from './packet-limit.ts'
import { writeBatches } from './row-batches.ts'
import { setUpSession } from './session.ts'

/** Milliseconds after which a server that does not answer a statement is considered down; longer than any wait for a lock. */
const STATEMENT_TIMEOUT = 30_000
/** Milliseconds that a rollback may take. */
const ROLLBACK_TIMEOUT = 4000
/** Statements after which the driver compiles a parser for each form of an answer. One command needs fewer. */
const FEW_STATEMENTS = 12
/** Milliseconds that closing the connection may take. */
const CLOSE_TIMEOUT = 1000
/** Milliseconds between two checks whether rows of a list still arrive. */
const CHECK_INTERVAL = 1000
/** The driver's code for a statement that was not answered in time; its answer may still come. */
const TIMED_OUT = 'PROTOCOL_SEQUENCE_TIMEOUT'

/** A statement from knex or `src/db/statement.ts`. */
interface Statement {
  sql: string
  bindings?: unknown[]
  /** Set by `src/db/statement.ts`: knex did not build the statement. */
  isFixed?: boolean
  /** Sent instead of `sql` and `bindings` (`writeText`). */
  text?: string | undefined
  response?: unknown
}

/** Opens a pool of one connection, which connects on the first query. */
export async function openMysql(settings: MysqlSettings, interruption: Interruption): Promise<Database> {
  // Errors name the host of the last connection.
  let used = settings
  let statements = 0
  const arrivalsOf = new WeakMap<object, Arrivals>()
  const translate = (error: unknown) => translateDriverError(error, describeDatabase(used))

  class Client extends MysqlDialect {
    _driver() {
      return mysql2
    }
    override async acquireRawConnection(): Promise<unknown> {
      const connected = await connectToFirst(settings)
      used = connected.settings
      arrivalsOf.set(connected.connection, connected.arrivals)
      await this.checkVersion(connected.connection)
      return connected.connection
    }
    override async acquireConnection(): Promise<unknown> {
      return super.acquireConnection().catch((error: unknown) => {
        throw translateDriverError(error, describeDatabase(settings), { connected: false })
      })
    }
    override async _query(connection: DriverConnection, query: Statement): Promise<unknown> {
      const { sql, bindings: values, text } = query
      const isRollback = /^\s*rollback\b/i.test(sql)
      const timeout = isRollback ? ROLLBACK_TIMEOUT : STATEMENT_TIMEOUT
      const disableEval = ++statements <= FEW_STATEMENTS
      try {
        query.response = await new Promise((resolve, reject) => {
          connection.query({ sql: text ?? sql, values, timeout, disableEval }, (error, rows, fields) =>
            error ? reject(error) : resolve([rows, fields]),
          )
        })
        return query
      } catch (thrown) {
        const error = thrown as DriverError
        if (isUnreadable(error)) lose(connection, error)
        // Otherwise the open transaction could be committed together with the next one.
        if (isRollback || error.code === TIMED_OUT) discard(connection)
        // knex puts the statement, with its values, in front of the message.
        error.sqlMessage ??= error.message
        throw error
      }
    }
    /** The driver reports a lost connection only on the connection itself, so a stream of rows would wait forever. */
    override async _stream(
      connection: DriverConnection,
      query: { sql: string; bindings: unknown[] },
      stream: Writable,
    ): Promise<unknown> {
      const end = (error: Error) => void stream.destroy(error)
      connection.once('error', end)
      const timer = watchSilence(connection, arrivalsOf.get(connection))
      return writeBatches(connection, query, stream)
        .catch((error: DriverError) => {
          if (isUnreadable(error)) lose(connection, error)
          throw error
        })
        .finally(() => {
          clearInterval(timer)
          connection.off('error', end)
        })
    }
    override async query(connection: DriverConnection, query: Statement | string): Promise<unknown> {
      const statement = typeof query === 'string' ? { sql: query, isFixed: true } : query
      interruption.throwBefore(statement.sql)
      try {
        if (!statement.isFixed) return await super.query(connection, query)
        // The rest of knex's `query` is only for statements that knex built.
        this.emit('query', statement)
        return await this._query(connection, statement)
      } catch (error) {
        const connect = () => this.acquireRawConnection() as Promise<mysql2.Connection>
        const found = await explainLoss(translate(error), query, describeDatabase(used), connect)
        throw await explainMissing(found, () => readVersion(connection))
      }
    }
  }

  let isCluster = false
  const db = knex({
    client: Client,
    // Saves the query for the version, which only features that are not used here depend on.
    version: 'latest',
    log: SILENT,
    acquireConnectionTimeout: connectPatience(settings),
    // `acquireRawConnection` uses the other settings.
    connection: { database: settings.database },
    pool: {
      min: 0,
      max: 1,
      createTimeoutMillis: connectPatience(settings),
      afterCreate: (connection: mysql2.Connection, done: (error: Error | null, connection: unknown) => void) => {
        setUpSession(connection).then(
          (session) => {
            isCluster = session.isCluster
            done(null, connection)
          },
          (error: Error) => done(error, connection),
        )
      },
    },
  })
  return {
    knex: db,
    commits: 'unit',
    engine: 'mysql',
    created: false,
    isCluster: () => isCluster,
    interruption,
    translate,
    close: () => Promise.race([db.destroy(), sleep(CLOSE_TIMEOUT, undefined, { ref: false })]),
  }
}

/**
 * Closes a connection on which no rows of a list have arrived for too long; the driver
 * has time-outs for other statements only. Time in which the reader pauses, for example
 * in a pager, does not count.
 */
function watchSilence(connection: DriverConnection, arrivals: Arrivals | undefined): NodeJS.Timeout {
  let since = monotonicTime()
  return setInterval(() => {
    if (connection.stream.isPaused()) since = monotonicTime()
    if (monotonicTime() - Math.max(since, arrivals?.latest ?? 0) < STATEMENT_TIMEOUT) return
    const error = Object.assign(new Error('no answer in time'), { code: TIMED_OUT })
    connection.stream.destroy(error)
  }, CHECK_INTERVAL)
}

interface DriverError extends Error {
  code?: string
  errno?: number
  fatal?: boolean
  sqlMessage?: string
}

/** Returns true if the driver failed to read an answer: it then throws an error without a code. */
function isUnreadable({ code, errno, fatal }: DriverError): boolean {
  return code === undefined && errno === undefined && fatal !== true
}

/** Closes a connection after an answer that cannot be read: the start of the next answer is unknown. */
function lose(connection: DriverConnection, error: DriverError): void {
  error.fatal = true
  discard(connection)
}

/** Closes a connection: the server rolls back its open transaction, and the pool opens a new connection. */
function discard(connection: DriverConnection): void {
  connection.destroy()
  connection.stream.destroy()
}

/** Reads the version of Wakame-vdc's schema without knex, so that it also works within a transaction. */
async function readVersion(connection: DriverConnection): Promise<number | undefined> {
  const [rows] = await connection.promise().query('SELECT version FROM schema_info')
  return (rows as { version: number | null }[])[0]?.version ?? undefined
}
