import { expect, test } from 'vitest'
import { parseDatabaseUri } from '../../src/config/config.ts'
import type { Queryable } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/open.ts'
import { select } from '../../src/db/statement.ts'
import { transaction } from '../../src/db/transactions/transaction.ts'
import { newDatabase } from '../support/databases/databases.ts'

test('a transaction that has ended refuses statements and nested transactions', async () => {
  const own = await newDatabase('sqlite')
  const { knex, close } = await openDatabase(parseDatabaseUri(own.uri, 'the test'))
  const over = await transaction(knex, async (trx): Promise<{ trx: Queryable }> => ({ trx }))
  const look = (db: Queryable) => select(db, 'SELECT 1 AS n', [])
  await expect(look(over.trx)).rejects.toThrow('The transaction has ended')
  await expect(transaction(over.trx, look)).rejects.toThrow('The transaction has ended')
  await close()
  await own.remove()
})
