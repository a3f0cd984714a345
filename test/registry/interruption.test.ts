import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parseDatabaseUri } from '../../src/config/config.ts'
import { addAccount } from '../../src/registry/account/add.ts'
import { openRegistry } from '../../src/registry/open.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { beginAnew } from '../support/databases/wakame.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { environment, PROGRAM, vdcManage } from '../support/process/cli.ts'

/** Runs `work`, and interrupts it before or after each matching statement. */
async function interruptedAt(
  registry: Registry,
  when: 'before' | 'after',
  statement: RegExp,
  work: () => Promise<unknown>,
): Promise<unknown> {
  const { knex, interruption } = registry.database
  const { client } = knex
  const query = client.query
  client.query = async function (this: unknown, connection: unknown, sent: { sql: string } | string) {
    const isIt = statement.test(typeof sent === 'string' ? sent : sent.sql)
    if (isIt && when === 'before') interruption.request()
    const answer = await query.call(this, connection, sent)
    if (isIt && when === 'after') interruption.request()
    return answer
  }
  try {
    return await work().catch((error: unknown) => error)
  } finally {
    client.query = query
    interruption.reset()
  }
}

describe.each(ENGINES)('an interruption on %s', (engine) => {
  let database: TestDatabase
  let registry: Registry
  beforeAll(async () => {
    database = await newDatabase(engine)
    registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'))
  })
  afterAll(async () => {
    await registry.close()
    await database.remove()
  })
  const ids = async () =>
    (await database.query("SELECT uuid FROM accounts WHERE uuid LIKE 'i%' ORDER BY uuid")).map((row) => row.uuid)

  test('before or after any statement leaves no rows, and none that the next command would commit', async () => {
    let next = 0
    for (const when of ['before', 'after'] as const) {
      for (const statement of [/^BEGIN/i, /^select/i, /^insert/i]) {
        const at = { when, statement }
        const before = await ids()
        const outcome = await interruptedAt(registry, when, statement, () =>
          addAccount(registry, { uuid: `i${++next}` }),
        )
        expect({ at, outcome }).toMatchObject({ at, outcome: { code: 'INTERRUPTED' } })
        expect(await ids()).toEqual(before)
        const after = `i${++next}`
        await addAccount(registry, { uuid: after })
        expect(await ids()).toEqual([...before, after].sort())
      }
    }
  })

  test('at COMMIT comes too late: the rows are stored, and the command succeeds', async () => {
    const outcome = await interruptedAt(registry, 'before', /^COMMIT/i, () => addAccount(registry, { uuid: 'ilate' }))
    expect(outcome).toMatchObject({ id: 'a-ilate' })
    expect(await ids()).toContain('ilate')
  })
})

test('a signal during a slow COMMIT waits for its outcome', async () => {
  const database = await newDatabase('mariadb')
  const folder = newFolder()
  const path = await makeImage(join(folder.path, 'late.qcow2'))
  let terminate = () => {}
  const proxy = await startProxy(inject('mariadb').port, async (_, sql): Promise<Verdict> => {
    if (/^commit/i.test(sql)) {
      terminate()
      // Longer than a signal waits for other statements.
      await sleep(5000)
    }
    return 'pass'
  })
  const uri = database.uri.replace(/:\d+\//, `:${proxy.port}/`)
  const ended = async (args: string[], input: string) => {
    const running = execa(PROGRAM, args, {
      env: environment({ database: { uri } }),
      forceKillAfterDelay: false,
      extendEnv: false,
      reject: false,
      input,
    })
    terminate = () => void running.kill('SIGTERM')
    const { exitCode, stdout } = await running
    return { exitCode, stdout }
  }
  // The script ends after the interrupted line.
  expect(await ended([], `image add local ${path} --account-id a-shpoolxx\naccount list\n`)).toEqual({
    exitCode: 143,
    stdout: expect.stringMatching(/^wmi-\w{8}$/),
  })
  expect(await database.query('SELECT COUNT(*) AS n FROM images')).toEqual([{ n: 1 }])
  const { stdout: exported } = await vdcManage(['registry', 'export'], { database })
  await beginAnew(database)
  expect(await ended(['registry', 'import', '-'], exported)).toMatchObject({ exitCode: 0 })
  expect(await database.query('SELECT COUNT(*) AS n FROM images')).toEqual([{ n: 1 }])
  await proxy.close()
  await database.remove()
  folder.remove()
})
