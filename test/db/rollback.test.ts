import { join } from 'node:path'
import knex from 'knex'
import { describe, expect, inject, test } from 'vitest'
import { Interruption } from '../../src/core/interruption.ts'
import { libsqlClient } from '../../src/db/sqlite/client.ts'
import { newDatabase } from '../support/databases/databases.ts'
import { startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { newFolder } from '../support/files/images.ts'
import { vdcManage } from '../support/process/cli.ts'
import { openSession } from '../support/process/session.ts'

describe('a connection whose ROLLBACK failed is not used again', () => {
  // The answer never arrives, or the connection breaks.
  test.each<Verdict>(['swallow', 'cut'])('on MariaDB (%s)', async (verdict) => {
    const database = await newDatabase('mariadb')
    const proxy = await startProxy(inject('mariadb').port, (_, sql) => (/^rollback/i.test(sql) ? verdict : 'pass'))
    const shell = openSession({ uri: database.uri.replace(/:\d+\//, `:${proxy.port}/`) })
    expect(await shell.run(['account', 'add', '--uuid', 'a-one'])).toMatchObject({ code: 0 })
    expect(proxy.connections()).toBe(1)
    const refused = await shell.run(['account', 'add', '--uuid', 'a-one', '--json'])
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'ID_TAKEN', exit: 5 } })
    expect(await shell.run(['account', 'add', '--uuid', 'a-two'])).toMatchObject({ code: 0 })
    expect(proxy.connections()).toBe(2)
    const rows = await database.query("SELECT uuid FROM accounts WHERE uuid IN ('one', 'two') ORDER BY id")
    expect(rows).toEqual([{ uuid: 'one' }, { uuid: 'two' }])
    await shell.close()
    await proxy.close()
    await database.remove()
  })

  test('on SQLite', async () => {
    const folder = newFolder()
    const db = knex({
      client: libsqlClient(new Interruption()),
      connection: { filename: join(folder.path, 'registry.sqlite') },
      useNullAsDefault: true,
      pool: { min: 0, max: 1 },
      log: { warn() {} },
    })
    // A setting of this connection.
    await db.raw('PRAGMA cache_size = 77')
    expect(await db.raw('PRAGMA cache_size')).toEqual([{ cache_size: 77 }])
    await expect(db.raw('ROLLBACK')).rejects.toThrow(/no transaction is active/)
    expect(await db.raw('PRAGMA cache_size')).not.toEqual([{ cache_size: 77 }])
    await db.destroy()
    folder.remove()
  })
})

test.each<[string, Verdict]>([
  ['is refused', { errno: 1047, message: 'WSREP has not yet prepared node for application use' }],
  ['is cut off', 'cut'],
])('a script whose BEGIN %s runs no statements, and says that nothing was stored', async (_, verdict) => {
  const database = await newDatabase('mariadb')
  const after: string[] = []
  let isBegun = false
  const proxy = await startProxy(inject('mariadb').port, (_, sql) => {
    if (isBegun) after.push(sql)
    isBegun ||= /^begin/i.test(sql)
    return /^begin/i.test(sql) ? verdict : 'pass'
  })
  const uri = database.uri.replace(/:\d+\//, `:${proxy.port}/`)
  const run = await vdcManage(['--tx', 'bulk', '-e'], { database: { uri }, input: 'account add --uuid a-one\n' })
  expect(run).toMatchObject({
    code: 6,
    stdout: '',
    stderr: expect.stringMatching(/^Error: .*\nHint: .*\nNothing was stored\n$/),
  })
  expect(after).toEqual([])
  expect(await database.query("SELECT uuid FROM accounts WHERE uuid = 'one'")).toEqual([])
  await proxy.close()
  await database.remove()
})
