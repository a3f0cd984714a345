import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import knex from 'knex'
import MysqlDialect from 'knex/lib/dialects/mysql2/index.js'
import mysql2 from 'mysql2'
import { describeDatabase, type MysqlSettings } from '../config.ts'
import type { Interruption } from '../interruption.ts'
import type { Database } from './database.ts'
import { SILENT, translateDriverError } from './driver-errors.ts'
import { explainLoss } from './packet-limit.ts'
import { explainMissing } from './wakame-schema.ts'

/** Milliseconds until a server that does not answer counts as down. */
const CONNECT_TIMEOUT = 5000
const ACQUIRE_TIMEOUT = 8000
/** Milliseconds until a server that does not answer a statement counts as down; longer than any wait for a lock. */
const STATEMENT_TIMEOUT = 30_000
/** Milliseconds that saying goodbye to the server may take. */
const CLOSE_TIMEOUT = 1000
/** Milliseconds of silence after which the kernel asks whether the server's host is still there. */
const KEEP_ALIVE = 10_000

/**
 * What every connection is set to, whatever the server's defaults are: READ
 * COMMITTED as the Ruby programs use it; a strict mode, so that a value that
 * doesn't fit is an error and never cut, in which backslashes escape, as the
 * driver takes for granted when it quotes values; seconds to wait for locks, after
 * which the unit of work is tried again; and seconds that who reads a list may let
 * the server wait, as somebody does who pages through it, of which it has 60 by itself.
 */
const SESSION = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', ''), ''), 'STRICT_ALL_TABLES'), innodb_lock_wait_timeout = 10, lock_wait_timeout = 20, net_write_timeout = 28800",
]

/** Opens a pool of one connection, which connects at the first query. */
export async function openMysql(settings: MysqlSettings, interruption: Interruption): Promise<Database> {
  const translate = (error: unknown) => translateDriverError(error, describeDatabase(settings))

  class Client extends MysqlDialect {
    _driver() {
      return mysql2
    }
    override async acquireConnection(): Promise<unknown> {
      return super.acquireConnection().catch((error: unknown) => {
        throw translateDriverError(error, describeDatabase(settings), { connected: false })
      })
    }
    override async _query(connection: unknown, query: { options?: object }): Promise<unknown> {
      query.options = { ...query.options, timeout: STATEMENT_TIMEOUT }
      return super._query(connection, query).catch((error: Error & { sqlMessage?: string }) => {
        // knex puts the statement, with its values, in front of the message.
        error.sqlMessage ??= error.message
        throw error
      })
    }
    /** The driver tells that a connection is lost to the connection alone, and a stream of rows would wait for ever. */
    override async _stream(
      connection: mysql2.Connection,
      query: object,
      stream: Writable,
      options: object,
    ): Promise<unknown> {
      const lose = (error: Error) => void stream.destroy(error)
      connection.once('error', lose)
      return super._stream(connection, query, stream, options).finally(() => connection.off('error', lose))
    }
    override async query(connection: unknown, query: { sql: string } | string): Promise<unknown> {
      interruption.throwBefore(typeof query === 'string' ? query : query.sql)
      return super.query(connection, query).catch(async (error: unknown) => {
        const connect = () => this.acquireRawConnection() as Promise<mysql2.Connection>
        const found = await explainLoss(translate(error), query, describeDatabase(settings), connect)
        throw await explainMissing(found, () => readVersion(connection as mysql2.Connection))
      })
    }
  }

  const db = knex({
    client: Client,
    // Spares the query for the version, which matters only to features that are not used here.
    version: 'latest',
    log: SILENT,
    acquireConnectionTimeout: ACQUIRE_TIMEOUT,
    connection: {
      ...(settings.socketPath === undefined
        ? { host: settings.host, port: settings.port }
        : { socketPath: settings.socketPath }),
      ...(settings.user === undefined ? {} : { user: settings.user }),
      ...(settings.password === undefined ? {} : { password: settings.password }),
      database: settings.database,
      charset: 'utf8mb4',
      connectTimeout: CONNECT_TIMEOUT,
      keepAliveInitialDelay: KEEP_ALIVE,
      dateStrings: true,
      supportBigNumbers: true,
    },
    pool: {
      min: 0,
      max: 1,
      afterCreate: (connection: mysql2.Connection, done: (error: Error | null, connection: unknown) => void) => {
        const [isolation, mode] = SESSION as [string, string]
        connection.query(isolation, (error) =>
          error ? done(error, connection) : connection.query(mode, (e) => done(e, connection)),
        )
      },
    },
  })
  return {
    knex: db,
    commits: 'unit',
    engine: 'mysql',
    created: false,
    interruption,
    translate,
    close: () => Promise.race([db.destroy(), sleep(CLOSE_TIMEOUT, undefined, { ref: false })]),
  }
}

/** The version of Wakame-vdc's schema, read past knex, within whatever transaction the connection is in. */
async function readVersion(connection: mysql2.Connection): Promise<number | undefined> {
  const [rows] = await connection.promise().query('SELECT version FROM schema_info')
  return (rows as { version: number | null }[])[0]?.version ?? undefined
}
