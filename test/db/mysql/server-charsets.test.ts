import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseDatabaseUri } from '../../../src/config/config.ts'
import { openDatabase } from '../../../src/db/open.ts'
import { newMariadb, type TestDatabase } from '../../support/databases/databases.ts'
import { type PrivateServer, startServer } from '../../support/databases/mariadb.ts'
import { answerSession, OK, startUntrustedServer } from '../../support/databases/untrusted-server.ts'
import { vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/* Servers of old and Japanese installations, whose character set is not UTF-8 and whose messages may be Japanese. */

describe.each(['ujis', 'cp932', 'gbk'])('a server with character_set_server=%s', (charset) => {
  let server: PrivateServer
  let database: TestDatabase
  beforeAll(async () => {
    server = await startServer([`--character-set-server=${charset}`, '--lc-messages=ja_JP'])
    database = await newMariadb(server.port)
  })
  afterAll(async () => {
    await database?.remove()
    await server?.remove()
  })

  test('stores and returns Japanese text, and reports errors in Japanese', async () => {
    const env = { VDC_MANAGE_DATABASE_URI: database.uri }
    const run = (...args: string[]) => vdcManage(args, { env })
    await vdcManage(['db', 'migrate'], { env, reject: true })
    const added = await run('account', 'add', '--description', '日本語のアカウント ～−')
    expect(added).toMatchObject({ code: 0, stderr: '' })
    const id = added.stdout.trim()
    // The answer to an update has a text: "一致数(Rows matched): 1 …".
    expect(await run('account', 'modify', id, '--description', '別の説明')).toMatchObject({ code: 0, stderr: '' })
    expect(await vdcManageJson(['account', 'show', id], { env })).toMatchObject({ description: '別の説明' })
    const list = await run('account', 'list', '--format', 'csv', '-c', 'description')
    expect(list).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('別の説明') })
    const connection = await mysql.createConnection({
      host: '127.0.0.1',
      port: server.port,
      user: 'root',
      charset: 'utf8mb4',
    })
    const [, reason] = (await connection.query('SELECT * FROM w.none').catch((e: Error) => ['', e.message])) as string[]
    await connection.end()
    expect(reason).toMatch(/[ぁ-ん]/)
    await database.query('DROP TABLE histories')
    await database.query('DROP TABLE accounts')
    const missing = await run('account', 'list')
    expect(missing.code).not.toBe(0)
    expect(missing.stderr).toMatch(/[ぁ-ん]/)
    expect(missing.stderr).not.toMatch(/�/)
    const wrong = await vdcManage(['account', 'list'], {
      env: { VDC_MANAGE_DATABASE_URI: database.uri.replace('root@', 'nobody:x@') },
    })
    expect(wrong).toMatchObject({ code: 6, stderr: expect.stringMatching(/nobody/) })
    expect(wrong.stderr).not.toMatch(/�/)
  })
})

test('decodes messages for every character set number in the greeting', async () => {
  for (let charset = 0; charset < 256; charset += IS_THOROUGH ? 1 : 5) {
    const server = await startUntrustedServer({
      charset,
      async visit(client) {
        await client.greet()
        client.send(OK)
        for (;;) {
          if (answerSession(client, await client.receive())) continue
          client.send(Buffer.concat([OK, Buffer.from('(Rows matched: 1  変更: 1')]))
        }
      },
    })
    const database = await openDatabase(parseDatabaseUri(`mysql://root@127.0.0.1:${server.port}/w`, 'the test'))
    const [answer] = await database.knex.raw('UPDATE x SET y = 1')
    expect(answer).toMatchObject({ info: '(Rows matched: 1  変更: 1' })
    await database.close()
    await server.close()
  }
})
