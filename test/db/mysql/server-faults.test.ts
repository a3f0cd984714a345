import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { translateDriverError } from '../../../src/db/drivers/errors.ts'
import { allRows, newDatabase, newMariadb, type TestDatabase } from '../../support/databases/databases.ts'
import { type PrivateServer, startServer } from '../../support/databases/mariadb.ts'
import { type OnStatement, startProxy } from '../../support/databases/mysql-proxy.ts'
import { ADD_IMAGE, THINGS } from '../../support/files/damage.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { vdcManage } from '../../support/process/cli.ts'

/*
 * Faults of a real server: each has its error code, its exit code and a useful hint, and nothing is
 * stored. Where only a cluster reports a fault, a proxy answers with its error packet.
 */

let server: PrivateServer
/** The registry as root, to whom no limits apply. */
let database: TestDatabase
/** The URI of the same registry for an ordinary user. */
let uri: string
const folder = newFolder()

beforeAll(async () => {
  server = await startServer(['--innodb-file-per-table=0', '--innodb-data-file-path=ibdata1:12M:autoextend:max:20M'])
  database = await newMariadb(server.port)
  const name = database.uri.split('/').at(-1)
  for (const sql of [`CREATE USER app@'%' IDENTIFIED BY 's3cret'`, `GRANT ALL ON ${name}.* TO app@'%'`])
    await database.query(sql)
  uri = database.uri.replace('root@', 'app:s3cret@')
  await vdcManage(['db', 'migrate'], { database: { uri }, reject: true })
  const input = THINGS.join('\n')
  await vdcManage(['-e'], { database: { uri }, input, reject: true })
})

afterAll(async () => {
  await server.remove()
  folder.remove()
})

const ADD = ADD_IMAGE

/** Runs a command, and expects exit code 6, this error and its hint, and nothing stored. */
async function expectFault(
  args: string[],
  expected: { code: string; message: RegExp; hint: RegExp },
  at = uri,
): Promise<void> {
  const before = await allRows(database)
  const run = await vdcManage([...args, '--json'], { database: { uri: at } })
  expect(JSON.parse(run.stdout).error).toEqual({
    code: expected.code,
    message: expect.stringMatching(expected.message),
    hint: expect.stringMatching(expected.hint),
    exit: 6,
  })
  expect(run).toMatchObject({ code: 6, stderr: '' })
  expect(`${run.stdout}${run.stderr}`).not.toContain('s3cret')
  expect(await allRows(database)).toEqual(before)
}

/** Like `expectFault`, through a proxy that calls `onStatement` for each statement. */
async function expectFaultAt(
  onStatement: OnStatement,
  expected: Parameters<typeof expectFault>[1],
  args = ADD,
): Promise<void> {
  const proxy = await startProxy(server.port, onStatement)
  await expectFault(args, expected, uri.replace(`:${server.port}/`, `:${proxy.port}/`)).finally(() => proxy.close())
}

const WSREP = { errno: 1047, message: 'WSREP has not yet prepared node for application use' }
const NOT_READY = {
  code: 'DATABASE_NOT_READY',
  message:
    /is not ready: this node of the cluster does not accept queries now \(it is joining, or has lost the other nodes\)/,
  hint: /wsrep_ready.*another node/,
}

test.each([
  ['the first statement', () => true],
  ['an INSERT', (sql: string) => /^insert into images/i.test(sql)],
  ['COMMIT', (sql: string) => /^COMMIT/.test(sql)],
] as const)('reports a node that is not ready at %s', async (_when, isIt) => {
  let refusing = false
  // From then on it refuses everything, also ROLLBACK.
  const onStatement: OnStatement = (_number, sql) => {
    refusing ||= isIt(sql)
    return refusing ? WSREP : 'pass'
  }
  // A COMMIT with this answer was not run.
  await expectFaultAt(onStatement, NOT_READY)
})

test('writes correct YAML and quotes with sql_mode NO_BACKSLASH_ESCAPES', async () => {
  const path = await makeImage(join(folder.path, 'quoted.qcow2'))
  const [before] = await database.query('SELECT @@GLOBAL.sql_mode AS mode')
  await database.query("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES'")
  try {
    const args = ['image', 'add', 'local', path, '--account-id', 'a-t', '--uuid', 'quoted']
    const run = await vdcManage([...args, '--description', `it's \\ "so"`], { database: { uri } })
    expect(run).toMatchObject({ code: 0, stderr: '' })
  } finally {
    await database.query('SET GLOBAL sql_mode = ?', [before?.mode ?? ''])
  }
  const [row] = await database.query("SELECT features, volumes, description FROM images WHERE uuid = 'quoted'")
  expect(row).toEqual({ features: '--- {}\n', volumes: '--- []\n', description: `it's \\ "so"` })
})

test('reports an uncertain commit if a node loses the others while it commits', async () => {
  const message =
    'Error while appending streaming replication fragment(provider status: Not connected to Primary Component)'
  await expectFaultAt((_, sql) => (/^COMMIT/.test(sql) ? { errno: 1180, message } : 'pass'), {
    code: 'COMMIT_UNCERTAIN',
    message: /is not ready.*may or may not be stored/,
    hint: /^Before you try again, check /,
  })
})

test('reports a read-only server and read-only transactions', async () => {
  const readOnly = { code: 'DATABASE_READ_ONLY', hint: /^Name the server that accepts writes, or / }
  await database.query('SET GLOBAL read_only = ON')
  await expectFault(ADD, { ...readOnly, message: /is read-only: .*--read-only option/ })
  await database.query('SET GLOBAL read_only = OFF')
  await database.query('SET GLOBAL tx_read_only = ON')
  await expectFault(ADD, { ...readOnly, message: /is read-only: Cannot execute statement in a READ ONLY transaction/ })
  await database.query('SET GLOBAL tx_read_only = OFF')
})

test('reports a statement longer than the server accepts, in each command with long texts', async () => {
  const file = join(folder.path, 'export.ndjson')
  const long = 'x'.repeat(20_000)
  const source = await newDatabase('sqlite')
  const input = [...THINGS, [...ADD, '--description', long].join(' ')].join('\n')
  await vdcManage(['-e'], { database: source, input, reject: true })
  writeFileSync(file, (await vdcManage(['registry', 'export'], { database: source })).stdout)
  await source.remove()
  await vdcManage([...ADD, '--uuid', 'i'], { database: { uri }, reject: true })
  await database.query('SET GLOBAL max_allowed_packet = 16384')
  const tooLong = {
    code: 'DATABASE_PACKET_LIMIT',
    message: /does not accept a statement of this length: .*max_allowed_packet/,
    hint: /^Raise max_allowed_packet on the server/,
  }
  for (const args of [
    [...ADD, '--description', long],
    ['image', 'modify', 'wmi-i', '--description', long],
    ['image', 'label', 'wmi-i', `note=${long}`],
    ['backupobject', 'modify', 'bo-o', '--description', long],
    ['registry', 'import', file],
  ]) {
    await expectFault(args, tooLong)
  }
  // Other servers and proxies cut the connection instead of answering.
  await expectFaultAt((_, sql) => (sql.length > 16384 ? 'cut' : 'pass'), tooLong, [...ADD, '--description', long])
  await database.query('SET GLOBAL max_allowed_packet = DEFAULT')
  const lost = { code: 'DATABASE_CONNECTION_LOST', message: /went away/, hint: /try again/ }
  await expectFaultAt((_, sql) => (sql.length > 16384 ? 'cut' : 'pass'), lost, [...ADD, '--description', long])
})

test('reports a connection that is cut or killed in a unit of work', async () => {
  const isInsert = (sql: string) => /^insert into images/i.test(sql)
  const lost = {
    code: 'DATABASE_CONNECTION_LOST',
    message: /^The database mysql:\/\/\S+ went away: /,
    hint: /^Check that the server is running, then try again$/,
  }
  await expectFaultAt((_, sql) => (isInsert(sql) ? 'cut' : 'pass'), lost)
  const kill: OnStatement = async (_, sql) => {
    // Connections of earlier commands may still be closing.
    const [row] = await database.query(
      "SELECT id FROM information_schema.processlist WHERE user = 'app' ORDER BY id DESC LIMIT 1",
    )
    if (isInsert(sql)) await database.query(`KILL CONNECTION ${row?.id}`)
    return 'pass' as const
  }
  await expectFaultAt(kill, lost)
})

test('reports a statement on a closed connection as a lost connection', async () => {
  const connection = await mysql.createConnection({ uri: database.uri })
  connection.on('error', () => {})
  await database.query(`KILL CONNECTION ${connection.threadId}`)
  // The first error says that the connection is lost, later ones only that it is closed.
  for (const text of [/lost|closed|killed|ended by the other party/i, /in closed state/]) {
    const error = await connection.query('SELECT 1').catch((thrown: Error) => thrown)
    expect((error as Error).message).toMatch(text)
    expect(translateDriverError(error, 'mysql://h/d')).toMatchObject({
      code: 'DATABASE_CONNECTION_LOST',
      message: 'The database mysql://h/d went away: the connection was lost',
      exit: 6,
    })
  }
})

test('hints at user and password only if these are the cause', async () => {
  const name = database.uri.split('/').at(-1) as string
  await database.query(`CREATE USER reader@'%' IDENTIFIED BY 's3cret'`)
  await database.query(`GRANT SELECT ON ${name}.* TO reader@'%'`)
  const refusedAs = (message: RegExp, hint: RegExp) => ({ code: 'DATABASE_REFUSED', message, hint })
  await expectFault(ADD, refusedAs(/denied/, /^Check the user and the password/), uri.replace('s3cret', 'other'))
  await expectFault(ADD, refusedAs(/denied/, /^Check the name of the database/), uri.replace(name, 'mysql'))
  await expectFault(ADD, refusedAs(/command denied/, /^Grant the user SELECT, INSERT/), uri.replace('app:', 'reader:'))
  const root = database.uri
  await expectFault(
    ADD,
    refusedAs(/Unknown database/, /^Create it on the server .*; or correct/),
    root.replace(name, 'none'),
  )
  // A statement that waits for a lock takes too long on any machine.
  const holder = await mysql.createConnection({ uri: root })
  await holder.query('START TRANSACTION')
  await holder.query('SELECT * FROM accounts FOR UPDATE')
  await database.query('SET GLOBAL max_statement_time = 0.3')
  await expectFault(ADD, refusedAs(/max_statement_time/, /^Try again; /), uri).finally(async () => {
    await database.query('SET GLOBAL max_statement_time = 0')
    await holder.end()
  })
  await expectFaultAt(() => ({ errno: 1203, message: 'too many' }), {
    code: 'DATABASE_UNREACHABLE',
    message: /too many/,
    hint: /raise max_connections/,
  })
})

test('reports a full tablespace, and stores only what was printed', async () => {
  const line = `${ADD.join(' ')} --description ${'x'.repeat(60_000)}`
  const run = await vdcManage(['-e'], { database: { uri }, input: `${line}\n`.repeat(200) })
  expect(run.code).toBe(6)
  expect(run.stderr).toMatch(
    /^Error: The database \S+ has no space left: The table '\w+' is full\nHint: Free space on the server/,
  )
  const added = run.stdout.split('\n').slice(0, -1)
  expect(added.length).toBeGreaterThan(10)
  const stored = await database.query(
    "SELECT uuid FROM images WHERE description LIKE 'xxx%' AND LENGTH(description) = 60000",
  )
  expect(stored.map((row) => `wmi-${row.uuid}`).sort()).toEqual(added.sort())
  const [histories] = await database.query(
    "SELECT COUNT(DISTINCT uuid) AS n FROM histories WHERE attr = 'description' AND LENGTH(blob_value) = 60000",
  )
  expect(histories?.n).toBe(added.length)
})
