import knex from 'knex'
import Libsql from 'libsql'
import { afterAll, expect, test } from 'vitest'
import { Interruption } from '../../../src/core/interruption.ts'
import { libsqlClient } from '../../../src/db/sqlite/client.ts'
import { select, write } from '../../../src/db/statement.ts'
import { transaction } from '../../../src/db/transactions/transaction.ts'
import { newSqlite } from '../../support/databases/databases.ts'

const database = newSqlite()
afterAll(() => database.remove())

test('transactions succeed again after another process held the lock for too long', async () => {
  const path = database.uri.slice('sqlite://'.length)
  const other = new Libsql(path)
  other.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (v INT)')
  const db = knex({
    client: libsqlClient(new Interruption()),
    connection: { filename: path, busyTimeout: 50 } as object,
    useNullAsDefault: true,
    pool: { min: 0, max: 1 },
  })
  const insert = (v: number) => transaction(db, (trx) => write(trx, 'INSERT INTO t (v) VALUES (?)', [v]))
  await insert(1)
  other.exec('BEGIN IMMEDIATE')
  await expect(insert(2)).rejects.toMatchObject({ code: 'DATABASE_BUSY' })
  await expect(write(db, 'INSERT INTO t (v) VALUES (?)', [3])).rejects.toMatchObject({ code: 'DATABASE_BUSY' })
  other.exec('COMMIT')
  await insert(4)
  expect(await select(db, 'SELECT v FROM t ORDER BY v', [])).toEqual([{ v: 1 }, { v: 4 }])
  await db.destroy()
  other.close()
})
