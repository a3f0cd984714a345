import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Libsql from 'libsql'
import mysql from 'mysql2/promise'
import { inject } from 'vitest'

/** A row as the driver returns it, with times as text. */
export type Row = Record<string, string | number | null>

/** A database for one test. */
export interface TestDatabase {
  engine: Engine
  uri: string
  /** Runs SQL directly, to check or prepare rows. On MariaDB, it may be several statements. */
  query(sql: string, values?: (string | number | null)[]): Promise<Row[]>
  remove(): Promise<void>
}

export type Engine = 'mariadb' | 'sqlite'

/** The engines that every registry test runs on. */
export const ENGINES: Engine[] = ['mariadb', 'sqlite']

/** Creates a database with the schema of our migrations, as a copy of the template. */
export async function newDatabase(engine: Engine): Promise<TestDatabase> {
  const { mariadb: template, sqlite } = inject('templates')
  if (engine === 'sqlite') {
    const database = newSqlite()
    copyFileSync(sqlite, database.uri.slice('sqlite://'.length))
    return database
  }
  const database = await newMariadb()
  const statements = (await database.query(`SHOW TABLES FROM ${template}`)).flatMap((row) => {
    const table = Object.values(row)[0]
    return [
      `CREATE TABLE ${table} LIKE ${template}.${table}`,
      `INSERT INTO ${table} SELECT * FROM ${template}.${table}`,
    ]
  })
  await database.query(statements.join('; '))
  return database
}

/** Creates a database without tables, on the server of all tests or another one. */
export async function newMariadb(port = inject('mariadb').port, charset = 'utf8mb4'): Promise<TestDatabase> {
  const name = `t_${randomBytes(6).toString('hex')}`
  const connection = await mysql.createConnection({
    host: '127.0.0.1',
    port,
    user: 'root',
    dateStrings: true,
    supportBigNumbers: true,
    multipleStatements: true,
  })
  await connection.query(`CREATE DATABASE ${name} CHARACTER SET ${charset}`)
  await connection.changeUser({ database: name })
  const uri = `mysql://root@127.0.0.1:${port}/${name}`
  return {
    engine: 'mariadb',
    uri,
    async query(sql, values = []) {
      const [rows] = await connection.query(sql, values)
      return rows as Row[]
    },
    async remove() {
      await connection.query(`DROP DATABASE ${name}`)
      await connection.end()
    },
  }
}

/** Returns a database in an SQLite file that does not exist yet. */
export function newSqlite(): TestDatabase {
  const folder = mkdtempSync(join(inject('folder'), 'sqlite-'))
  const path = join(folder, 'registry.sqlite')
  const uri = `sqlite://${path}`
  return {
    engine: 'sqlite',
    uri,
    async query(sql, values = []) {
      const connection = new Libsql(path)
      try {
        connection.exec('PRAGMA busy_timeout = 120000')
        const statement = connection.prepare(sql)
        if (statement.reader) return statement.all(...values) as Row[]
        statement.run(...values)
        return []
      } finally {
        connection.close()
      }
    },
    async remove() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The tables that the registry writes to. */
const TABLES = [
  'accounts',
  'images',
  'backup_objects',
  'backup_storages',
  'histories',
  'resource_labels',
  'tag_mappings',
] as const

/** Returns all rows of the tables that the registry writes to, oldest first. */
export async function allRows(database: TestDatabase): Promise<Record<(typeof TABLES)[number], Row[]>> {
  const rows: [string, Row[]][] = []
  for (const table of TABLES) rows.push([table, await database.query(`SELECT * FROM ${table} ORDER BY id`)])
  return Object.fromEntries(rows) as never
}

/** Returns the number of rows in each table that the registry writes to. */
export async function countRows(database: TestDatabase): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of TABLES) {
    const [row] = await database.query(`SELECT COUNT(*) AS n FROM ${table}`)
    counts[table] = Number(row?.n)
  }
  return counts
}

/**
 * Returns the number of transactions that wait for a lock in a MariaDB database. The server caches the
 * result until nobody has asked for 100 ms.
 */
export async function countWaiting(database: TestDatabase): Promise<number> {
  const [row] = await database.query(
    "SELECT COUNT(*) AS n FROM information_schema.innodb_trx AS t JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id WHERE t.trx_state = 'LOCK WAIT' AND p.db = DATABASE()",
  )
  return Number(row?.n)
}

/** Waits until this number of transactions wait for a lock in a MariaDB database. */
export async function untilWaiting(database: TestDatabase, transactions = 1): Promise<void> {
  while ((await countWaiting(database)) < transactions) await sleep(200)
}

/** Returns the IDs of clients that wait for locked tables, including clients whose end the server has not noticed. */
export async function waitingForTables(database: TestDatabase): Promise<unknown[]> {
  const rows = await database.query(
    "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE 'Waiting for table%'",
  )
  return rows.map(({ id }) => id)
}

/** Waits until the MariaDB server has noticed that a killed client is gone, and ended its transaction. */
export async function untilNobodyIsConnected(database: TestDatabase): Promise<void> {
  const name = database.uri.split('/').at(-1) as string
  for (let attempt = 0; attempt < 3000; attempt++) {
    const [row] = await database.query(
      'SELECT COUNT(*) AS n FROM information_schema.processlist WHERE db = ? AND id <> CONNECTION_ID()',
      [name],
    )
    if (row?.n === 0) return
    await sleep(20)
  }
  throw new Error('The connection of a killed process is still open')
}
