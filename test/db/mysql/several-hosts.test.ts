import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { type MysqlProxy, startProxy } from '../../support/databases/mysql-proxy.ts'
import { failing, OK, startUntrustedServer, type UntrustedServer } from '../../support/databases/untrusted-server.ts'
import { vdcManage } from '../../support/process/cli.ts'
import { freePort } from '../../support/process/free-port.ts'

/* Several hosts in one database URI: the first one that accepts statements is used. */

let database: TestDatabase
let silent: Server
let notReady: UntrustedServer
let refusing: UntrustedServer
let full: UntrustedServer
/** A port of each kind of host. */
const ports: Record<string, number> = {}
beforeAll(async () => {
  database = await newDatabase('mariadb')
  silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  notReady = await startUntrustedServer({
    async visit(client) {
      await client.greet()
      client.send(OK)
      for (;;) {
        await client.receive()
        client.send(failing(1047, 'WSREP has not yet prepared node for application use'))
      }
    },
  })
  refusing = await startUntrustedServer({
    async visit(client) {
      await client.greet()
      client.send(failing(1045, "Access denied for user 'root'@'localhost' (using password: NO)"))
    },
  })
  full = await startUntrustedServer({ visit: async (client) => client.send(failing(1040, 'Too many connections'), 0) })
  Object.assign(ports, {
    full: full.port,
    good: inject('mariadb').port,
    down: await freePort(),
    silent: (silent.address() as { port: number }).port,
    notReady: notReady.port,
    refusing: refusing.port,
  })
})
afterAll(async () => {
  silent.close()
  await notReady.close()
  await refusing.close()
  await full.close()
  await database.remove()
})

const name = () => database.uri.split('/').at(-1) as string
const uri = (...kinds: (string | number)[]) =>
  `mysql://root@${kinds.map((kind) => `127.0.0.1:${ports[kind] ?? kind}`).join(',')}/${name()}`
/** Runs the program, and runs it again if a busy host that should answer did not answer in time. */
async function run(args: string[], ...kinds: (string | number)[]) {
  for (let attempt = 1; ; attempt++) {
    const ran = await vdcManage(args, { env: { VDC_MANAGE_DATABASE_URI: uri(...kinds) } })
    const late = [...ran.stderr.matchAll(/:(\d+)(?:\/\S*)?(?: cannot be reached)?: no answer in time/g)]
    if (attempt === 3 || late.every(([, port]) => Number(port) === ports.silent)) return ran
  }
}

describe.concurrent('with two of three hosts down', () => {
  test.each([
    [['good', 'down', 'notReady']],
    [['down', 'good', 'notReady']],
    [['down', 'notReady', 'good']],
    [['notReady', 'down', 'good']],
    [['full', 'down', 'good']],
    [['silent', 'down', 'good']],
    [['down', 'silent', 'good']],
    [['notReady', 'silent', 'good']],
    [['silent', 'good', 'refusing']],
  ])('writes and reads with %s', async (kinds) => {
    const started = Date.now()
    const added = await run(['account', 'add'], ...kinds)
    expect(added).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^a-\w{8}\n$/) })
    expect(Date.now() - started).toBeLessThan(60_000)
    const [row] = await database.query('SELECT COUNT(*) AS n FROM accounts WHERE uuid = ?', [
      added.stdout.trim().slice(2),
    ])
    expect(row?.n).toBe(1)
  })

  test('connects to localhost by TCP', async () => {
    const list = `localhost:${ports.down},localhost:${ports.good}`
    const env = { VDC_MANAGE_DATABASE_URI: `mysql://root@${list}/${name()}` }
    expect(await vdcManage(['account', 'list', '--quiet'], { env })).toMatchObject({ code: 0, stderr: '' })
  })
})

test('prints one error with the reason of each host if none accepts statements', async () => {
  const { code, stdout, stderr } = await run(['image', 'list'], 'down', 'silent', 'notReady')
  expect({ code, stdout }).toEqual({ code: 6, stdout: '' })
  const [down, quiet, waiting] = ['down', 'silent', 'notReady'].map((kind) => `127.0.0.1:${ports[kind]}`)
  expect(stderr).toBe(
    `Error: No host of the database mysql://root@${down},${quiet},${waiting}/${name()} accepts statements: ${down}: connection refused (connect ECONNREFUSED ${down}); ${quiet}: no answer in time; ${waiting}: not ready\nHint: Check each host with: vdc-manage doctor\n`,
  )
  const answer = JSON.parse((await run(['image', 'list', '--json'], 'down', 'notReady')).stdout)
  expect(answer.error).toMatchObject({ code: 'DATABASE_NOT_READY', exit: 6 })
  const unreachable = JSON.parse((await run(['image', 'list', '--json'], 'down', 'down')).stdout)
  expect(unreachable.error).toMatchObject({ code: 'DATABASE_UNREACHABLE', exit: 6 })
})

test('does not try other hosts if the account is refused', async () => {
  let statements = 0
  const proxy = await startProxy(inject('mariadb').port, () => {
    statements++
    return 'pass'
  })
  const { code, stderr } = await run(['account', 'list'], 'refusing', proxy.port)
  expect(code).toBe(6)
  expect(stderr).toMatch(
    new RegExp(`^Error: The database mysql://root@127\\.0\\.0\\.1:${ports.refusing}/.*Access denied`),
  )
  expect(proxy.connections()).toBe(0)
  expect(statements).toBe(0)
  await proxy.close()
})

describe('in the middle of a unit of work', () => {
  let other: MysqlProxy
  afterAll(() => other.close())

  test.each([/^BEGIN/i, /^insert/i, /^COMMIT/i])(
    'does not continue on another host if one is lost at %s',
    async (lost) => {
      // The connection to the first host is cut, and connections to the other one are counted.
      const cutting = await startProxy(inject('mariadb').port, (_, sql) =>
        lost.test(sql.replace(/^[^a-z]+/i, '')) ? 'cut' : 'pass',
      )
      other = await startProxy(inject('mariadb').port, () => 'pass')
      const before = await database.query('SELECT COUNT(*) AS n FROM accounts')
      const { code, stdout } = await run(['account', 'add'], cutting.port, other.port)
      expect({ code, stdout }).toEqual({ code: 6, stdout: '' })
      expect(other.connections()).toBe(0)
      expect(await database.query('SELECT COUNT(*) AS n FROM accounts')).toEqual(before)
      await cutting.close()
      await other.close()
    },
  )
})

test('a shell continues with the next host after losing its own between two lines', async () => {
  let isLost = false
  const cutting = await startProxy(inject('mariadb').port, () => (isLost ? 'cut' : 'pass'))
  const { code, stdout, stderr } = await vdcManage([], {
    env: { VDC_MANAGE_DATABASE_URI: uri(cutting.port, 'good') },
    input: 'account list --quiet\naccount list --quiet\naccount list --quiet\n',
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.match(/a-shpoolxx/g)).toHaveLength(3)
  isLost = true
  const again = await vdcManage([], {
    env: { VDC_MANAGE_DATABASE_URI: uri(cutting.port, 'good') },
    input: 'account list --quiet\naccount list --quiet\n',
  })
  // The proxy passes the login and cuts the connection at the first statement, which asks whether the node is ready.
  expect(again).toMatchObject({ code: 0, stderr: '' })
  await cutting.close()
})

test('doctor checks each host', async () => {
  const { code, stdout } = await run(['doctor', '--json'], 'down', 'good', 'notReady')
  const { checks } = JSON.parse(stdout) as { checks: { name: string; result: string; message: string }[] }
  const by = Object.fromEntries(checks.map((check) => [check.name, check]))
  expect(checks.map((check) => check.name).slice(1, 6)).toEqual([
    'configuration',
    `127.0.0.1:${ports.down}`,
    `127.0.0.1:${ports.good}`,
    `127.0.0.1:${ports.notReady}`,
    'database',
  ])
  expect(by[`127.0.0.1:${ports.down}`]).toMatchObject({
    result: 'warning',
    message: expect.stringMatching(/ECONNREFUSED/),
    hint: expect.stringMatching(/^Check the server on this host\. The other hosts are used/),
  })
  expect(by[`127.0.0.1:${ports.good}`]).toMatchObject({
    result: 'ok',
    message: expect.stringMatching(/^MariaDB [\d.]+ answers in \d+ ms, without TLS$/),
  })
  expect(by[`127.0.0.1:${ports.notReady}`]).toMatchObject({ result: 'warning' })
  expect(by.database).toMatchObject({ result: 'ok' })
  // One working host is enough.
  expect(code).toBe(0)
})
