import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  allRows,
  countWaiting,
  ENGINES,
  newDatabase,
  type TestDatabase,
  untilWaiting,
} from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { type Run, shell, vdcManage } from '../../support/process/cli.ts'
import { ADD, linesOf, newDatabaseWithObject, runScript, startScript } from '../../support/process/scripts.ts'
import { startTerminal } from '../../support/process/tmux.ts'

/* IDs on stdin for the commands of a script file: who reads them, how often, and what ends the wait. */

const folder = newFolder()
afterAll(() => folder.remove())
let scripts = 0
/** Writes lines to a script file. Returns the options that run it. */
function script(lines: readonly string[], ...options: string[]): string[] {
  const path = join(folder.path, `script-${++scripts}`)
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  return ['-f', path, ...options]
}

/** Fails if a run does not end. Waiting for an open stdin would never end. */
async function ended(running: Promise<Run>): Promise<Run> {
  const late = sleep(120_000, undefined, { ref: false }).then(() => {
    throw new Error('The run does not end')
  })
  return Promise.race([running, late])
}

const descriptions = async (database: TestDatabase) =>
  (await allRows(database)).accounts.slice(2).map(({ description }) => description)

describe.each(ENGINES)('a second command that reads stdin on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabaseWithObject(engine)
    const gone = [`${ADD} --uuid gone`, 'image del wmi-gone', 'backupobject del bo-one']
    await runScript(database, ['account add --uuid one', 'account add --uuid two', ...gone], ['-e'])
  })
  afterAll(() => database.remove())

  const LINES = [
    'account modify - --description first',
    'account modify - --description second',
    'account add --uuid new',
  ]
  const REFUSAL =
    /^Error: - cannot read IDs from stdin, because another command of this script has read them\nHint: .*\n/

  test('is refused, and other lines run', async () => {
    const run = await ended(vdcManage(script(LINES), { database, input: 'a-one\na-two\n' }))
    expect(run).toMatchObject({ code: 9, stdout: 'a-new\n', stderr: expect.stringMatching(REFUSAL) })
    expect(await descriptions(database)).toEqual(['first', 'first', null])
  })

  test('ends the script with exit code 2 with -e, even with another ID next to -', async () => {
    const lines = [
      'account modify - --description third',
      'account modify a-one - --description fourth',
      LINES[2] as string,
    ]
    const run = await ended(vdcManage(script(lines, '-e'), { database, input: 'a-two\n' }))
    expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(REFUSAL) })
    expect(await descriptions(database)).toEqual(['first', 'third', null])
  })

  test('rolls everything back with --tx bulk', async () => {
    const before = await allRows(database)
    const run = await ended(vdcManage(script(LINES, '--tx', 'bulk'), { database, input: 'a-one\na-two\n' }))
    expect(run).toMatchObject({ code: 9, stdout: '', stderr: expect.stringMatching(REFUSAL) })
    expect(run.stderr).toMatch(/Nothing was stored\n$/)
    expect(await allRows(database)).toEqual(before)
  })

  test('refuses a directory as stdin, and purges nothing without IDs', async () => {
    expect(await shell('vdc-manage account del - < /', { database })).toMatchObject({
      code: 3,
      stdout: '',
      stderr: 'Error: IDs cannot be read from stdin: it is a directory\n',
    })
    const before = await allRows(database)
    const purged = await shell('vdc-manage image purge --older-than 0d --files --yes - < /dev/null', { database })
    expect(purged).toMatchObject({ code: 0, stdout: '', stderr: 'No IDs on stdin: nothing to do\n' })
    expect(await allRows(database)).toEqual(before)
  })
})

describe('a bulk script that is retried after a deadlock', () => {
  let database: TestDatabase
  const name = () => database.uri.split('/').at(-1)
  beforeAll(async () => {
    database = await newDatabaseWithObject('mariadb')
    await database.query('CREATE TABLE attempts (id int NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=MyISAM')
    await database.query(
      `CREATE TRIGGER ${name()}.fail_twice BEFORE UPDATE ON accounts FOR EACH ROW BEGIN IF NEW.description = 'deadlock' AND NEW.uuid = 'k2' THEN INSERT INTO attempts VALUES (NULL); IF (SELECT COUNT(*) FROM attempts) <= 2 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'; END IF; END IF; END`,
    )
    await runScript(
      database,
      [1, 2, 3].map((at) => `account add --uuid k${at}`),
      ['-e'],
    )
  })
  afterAll(() => database.remove())

  test.each([
    ['all at once', 0],
    ['one by one', 100],
  ])('gets the IDs again that arrived %s', async (_, pause) => {
    await database.query('DELETE FROM attempts')
    await database.query('UPDATE accounts SET description = NULL')
    const lines = ['account add', 'account modify - --description deadlock']
    const running = startScript(database, undefined, script(lines, '--tx', 'bulk', '-e'))
    for (const id of ['k1', 'a-k2', '', 'k3']) {
      running.process.stdin?.write(`${id}\n`)
      await sleep(pause)
    }
    running.process.stdin?.end()
    const run = await ended(running.ended)
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(linesOf(run.stdout)).toHaveLength(1)
    const rows = await database.query("SELECT description FROM accounts WHERE uuid LIKE 'k_' ORDER BY uuid")
    expect(rows.map(({ description }) => description)).toEqual(Array(3).fill('deadlock'))
    expect(await database.query('SELECT COUNT(*) AS n FROM attempts')).toEqual([{ n: 3 }])
  })
})

describe.each(ENGINES)('SIGTERM while a script waits for IDs on stdin on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabaseWithObject(engine)
  })
  afterAll(() => database.remove())

  test.each([
    ['each', ''],
    ['bulk', 'Nothing was stored\n'],
    ['none', ''],
  ] as const)('--tx %s: ends it at once and releases its locks', async (tx, says) => {
    const before = await allRows(database)
    const lines = [ADD, 'account modify - --description waits']
    const options = script(lines, '--tx', tx)
    for (const [signal, code, said] of [
      ['SIGTERM', 143, 'Terminated'],
      ['SIGINT', 130, 'Interrupted'],
      ['SIGHUP', 143, 'Terminated'],
    ] as const) {
      const running = startScript(database, undefined, options)
      // Having processed an ID, it waits for the next.
      running.process.stdin?.write('a-nothere\n')
      await expect.poll(() => running.process.exitCode ?? stderrOf(running)).toMatch(/a-nothere/)
      running.kill(signal)
      const run = await ended(running.ended)
      expect(run).toMatchObject({
        code,
        stderr: expect.stringMatching(new RegExp(`(?:^|\n)${tx === 'bulk' ? '' : `Error: ${said}\n`}${says}$`)),
      })
    }
    // No lock is left.
    expect(
      await runScript(
        database,
        ['account modify a-shpoolxx --description free', 'account modify a-shpoolxx --description ""'],
        ['-e'],
      ),
    ).toMatchObject({ code: 0 })
    if (tx === 'bulk') expect((await allRows(database)).images).toEqual(before.images)
  })
})

test('SIGTERM ends a bulk script that waits for a lock', async () => {
  const database = await newDatabaseWithObject('mariadb')
  await database.query('BEGIN')
  await database.query("UPDATE accounts SET description = 'held' WHERE uuid = 'shpoolxx'")
  const running = startScript(database, [ADD, 'account modify a-shpoolxx --description waits'], ['--tx', 'bulk'])
  await untilWaiting(database)
  running.kill('SIGTERM')
  expect(await ended(running.ended)).toMatchObject({ code: 143, stdout: '', stderr: 'Nothing was stored\n' })
  await database.query('ROLLBACK')
  await expect.poll(() => countWaiting(database), { interval: 300 }).toBe(0)
  expect((await allRows(database)).images).toEqual([])
  await database.remove()
})

/** Returns what a process has written to stderr so far. */
function stderrOf({ process }: ReturnType<typeof startScript>): string {
  return String(chunks.get(process) ?? listen(process))
}
const chunks = new Map<object, string>()
function listen(process: ReturnType<typeof startScript>['process']): string {
  chunks.set(process, '')
  process.stderr?.on('data', (data) => chunks.set(process, `${chunks.get(process)}${data}`))
  return ''
}

test('SIGTERM ends single commands that read stdin, and nothing is stored', async () => {
  const database = await newDatabase('sqlite')
  for (const args of [
    ['image', 'verify', '-'],
    ['image', 'purge', '-'],
    ['account', 'del', '-'],
    ['registry', 'import', '-'],
  ]) {
    const running = startScript(database, undefined, args)
    await sleep(700)
    running.kill('SIGTERM')
    const run = await ended(running.ended)
    expect({ args, code: run.code, signal: run.signal }).toEqual(
      run.signal === undefined ? { args, code: 143, signal: undefined } : { args, code: undefined, signal: 'SIGTERM' },
    )
  }
  await database.remove()
})

test('SIGTERM ends a prompt and restores the terminal', async () => {
  const database = await newDatabaseWithObject('sqlite')
  await runScript(database, [`${ADD} --uuid gone`, 'image del wmi-gone'], ['-e'])
  const line = 'vdc-manage image purge --older-than 0d; echo "exit $?"; stty -a | grep -o -- "-*icanon"'
  const terminal = await startTerminal(line, { database, home: folder.path })
  await terminal.until(/Remove 1 image for good\? \[y\/N\]/)
  process.kill(await terminal.pid(), 'SIGTERM')
  expect(await terminal.until(/icanon/)).toMatch(/exit 143\nicanon/)
  await terminal.close()
  expect((await allRows(database)).images).toHaveLength(1)
  await database.remove()
})
