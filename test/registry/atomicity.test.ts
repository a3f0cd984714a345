import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { expectWhole } from '../support/databases/consistency.ts'
import {
  newDatabase,
  newMariadb,
  newSqlite,
  type TestDatabase,
  untilNobodyIsConnected,
} from '../support/databases/databases.ts'
import { type PrivateServer, startServer } from '../support/databases/mariadb.ts'
import { type MysqlProxy, type OnStatement, startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { environment, PROGRAM, runLines, vdcManage } from '../support/process/cli.ts'
import { IS_THOROUGH, some } from '../support/thorough.ts'

/*
 * An add that fails or is killed leaves all rows or none, and succeeds when it is
 * run again. Every add here is the first in its folder, so it creates a storage,
 * a backup object and an image.
 */

/** The number of moments at which an add is killed. */
const MOMENTS = some(30, 5)

const folder = newFolder()
afterAll(() => folder.remove())
let files = 0
async function newImage(): Promise<string> {
  const own = join(folder.path, `d${++files}`)
  mkdirSync(own)
  return makeImage(join(own, 'disk.qcow2'))
}
const addArgs = (path: string) => ['image', 'add', 'local', path, '--account-id', 'a-atomic', '--create-account']

/** Adds files one after the other in one process, which must succeed without warnings. */
async function addAll(paths: readonly string[], database: TestDatabase): Promise<void> {
  const ids = await runLines(
    paths.map((path) => addArgs(path).join(' ')),
    { database },
  )
  expect(new Set(ids).size).toBe(paths.length)
}

/** Starts an add. `kill` ends it with SIGKILL. */
function startAdd(path: string, uri: string) {
  const adding = execa(PROGRAM, addArgs(path), {
    env: environment({ database: { uri } }),
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  })
  return { kill: () => adding.kill('SIGKILL'), ended: adding }
}

describe('on MariaDB', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase('mariadb')
    await vdcManage(['account', 'add', '--uuid', 'atomic'], { database, reject: true })
  })
  afterAll(() => database.remove())

  /** Runs an add through a proxy that acts at a statement. Returns the result of the process. */
  async function addThroughProxy(path: string, act: (add: { kill: () => void }) => OnStatement) {
    let add: ReturnType<typeof startAdd> | undefined
    const proxy = await startProxy(inject('mariadb').port, (number, sql) =>
      act({ kill: () => add?.kill() })(number, sql),
    )
    add = startAdd(path, through(proxy))
    const result = await add.ended
    await proxy.close()
    return result
  }

  const through = (proxy: MysqlProxy) => database.uri.replace(/:\d+\//, `:${proxy.port}/`)

  /** Like `addThroughProxy`, for an add that is not killed. Returns the number of statements too. */
  async function addToItsEnd(path: string, onStatement: OnStatement) {
    const proxy = await startProxy(inject('mariadb').port, onStatement)
    const run = await vdcManage(addArgs(path), { database: { uri: through(proxy) } })
    await proxy.close()
    return { run, statements: proxy.statements() }
  }

  async function countStatements(): Promise<number> {
    const { run, statements } = await addToItsEnd(await newImage(), () => 'pass')
    expect(run.code).toBe(0)
    return statements
  }

  // Only the COMMIT needs a kill after it: after any other statement is before the next one.
  test(`an add leaves all rows or none if killed before every ${IS_THOROUGH ? '' : 'second '}statement or after the COMMIT`, async () => {
    const statements = await countStatements()
    expect(statements).toBeGreaterThan(15)
    const paths: string[] = []
    /** Kills an add at one of its statements, which the server gets if the verdict is 'pass'. */
    const killAt = async (isMoment: (number: number, sql: string) => boolean, verdict: 'swallow' | 'pass') => {
      const path = await newImage()
      paths.push(path)
      const before = await expectWhole(database)
      const result = await addThroughProxy(path, ({ kill }) => (number, sql) => {
        if (!isMoment(number, sql)) return 'pass'
        kill()
        return verdict
      })
      expect(result.signal).toBe('SIGKILL')
      expect(result.stdout).toBe('')
      await untilNobodyIsConnected(database)
      expect(await expectWhole(database)).toBe(before + (verdict === 'pass' ? 1 : 0))
    }
    for (let moment = 1; moment <= statements; moment += IS_THOROUGH ? 1 : 2)
      await killAt((number) => number === moment, 'swallow')
    await killAt((_, sql) => /^COMMIT/i.test(sql), 'pass')
    console.log(`killed at ${paths.length} moments of ${statements} statements`)
    await addAll(paths, database)
    await expectWhole(database)
  })

  test(`an add leaves all rows or none if killed at ${MOMENTS} moments`, async () => {
    const started = Date.now()
    expect(await vdcManage(addArgs(await newImage()), { database, process: true })).toMatchObject({ code: 0 })
    const whole = Date.now() - started
    const paths: string[] = []
    for (let moment = 0; moment < MOMENTS; moment++) {
      const path = await newImage()
      paths.push(path)
      const before = await expectWhole(database)
      const add = startAdd(path, database.uri)
      await sleep((whole * moment) / MOMENTS)
      add.kill()
      const result = await add.ended
      await untilNobodyIsConnected(database)
      const after = await expectWhole(database)
      if (result.stdout !== '') expect(after).toBe(before + 1)
    }
    await addAll(paths, database)
    await expectWhole(database)
  })

  test('an add exits with 6 and writes no rows if the connection is lost at any statement', async () => {
    const statements = await countStatements()
    for (let moment = 1; moment <= statements; moment++) {
      const path = await newImage()
      const before = await expectWhole(database)
      let atCommit = false
      const { run } = await addToItsEnd(path, (number, sql) => {
        if (number !== moment) return 'pass'
        atCommit = /^COMMIT/i.test(sql)
        return 'cut'
      })
      expect(run).toMatchObject({ code: 6, stdout: '' })
      expect(run.stderr).toMatch(atCommit ? /may or may not be stored/ : /^Error: .*connection was lost.*\n/)
      expect(run.stderr.split('\n').length).toBeLessThanOrEqual(3)
      await untilNobodyIsConnected(database)
      expect(await expectWhole(database)).toBe(before)
    }
  })

  test('the whole add is retried after a deadlock', async () => {
    const path = await newImage()
    const before = await expectWhole(database)
    const name = database.uri.split('/').at(-1)
    // The insert of the image fails twice as it would for the victim of a deadlock.
    await database.query(
      `CREATE TABLE IF NOT EXISTS attempts (id int NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=MyISAM`,
    )
    await database.query(
      `CREATE TRIGGER ${name}.fail_twice BEFORE INSERT ON images FOR EACH ROW BEGIN INSERT INTO attempts VALUES (NULL); IF (SELECT COUNT(*) FROM attempts) <= 2 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'; END IF; END`,
    )
    expect(await vdcManage(addArgs(path), { database })).toMatchObject({ code: 0, stderr: '' })
    expect(await database.query('SELECT COUNT(*) AS n FROM attempts')).toEqual([{ n: 3 }])
    await database.query('DROP TRIGGER fail_twice')
    expect(await expectWhole(database)).toBe(before + 1)
  })
})

describe('an add leaves all rows or none if MariaDB is stopped', () => {
  let server: PrivateServer
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.remove())

  test.each(['SIGTERM', 'SIGKILL'] as const)('by %s', async (signal) => {
    let database = await newMariadb(server.port)
    await vdcManage(['db', 'migrate'], { database, reject: true })
    for (const moment of IS_THOROUGH ? [4, 9, 14, 18, 20] : [4, 14, 20]) {
      const path = await newImage()
      const before = await expectWhole(database)
      let stopping: Promise<void> | undefined
      const proxy = await startProxy(server.port, async (number): Promise<Verdict> => {
        if (number === moment) {
          stopping = server.stop(signal)
          await stopping
        }
        return 'pass'
      })
      const add = startAdd(path, database.uri.replace(/:\d+\//, `:${proxy.port}/`))
      const result = await add.ended
      expect(stopping).toBeDefined()
      expect(result).toMatchObject({ exitCode: 6, stdout: '' })
      expect(result.stderr.split('\n').length).toBeLessThanOrEqual(2)
      await proxy.close()
      expect(await vdcManage(addArgs(path), { database })).toMatchObject({ code: 6, stdout: '' })
      await server.start()
      database = await reconnected(database)
      expect(await expectWhole(database)).toBe(before)
      expect(await vdcManage(addArgs(path), { database })).toMatchObject({ code: 0, stderr: '' })
    }
    await database.remove()
  })

  /** Opens a new connection to the database, because the old one ended with the server. */
  async function reconnected(old: TestDatabase): Promise<TestDatabase> {
    const fresh = await newMariadb(server.port)
    await fresh.query(`USE ${old.uri.split('/').at(-1)}`)
    return { ...fresh, uri: old.uri }
  }
})

describe('on SQLite', () => {
  /** Runs the program and kills it at its Nth write to a file. Returns true if it finished before. */
  async function killedAtWrite(args: string[], database: TestDatabase, nth: number): Promise<boolean> {
    const inject = `inject=pwrite64:signal=SIGKILL:when=${nth}`
    const result = await execa(
      'strace',
      ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=pwrite64', '-e', inject, PROGRAM, ...args],
      {
        env: environment({ database }),
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      },
    )
    if (result.exitCode === 0) return true
    expect(result.signal).toBe('SIGKILL')
    // Commands that change rows print their result after everything is written.
    if (args[1] === 'add') expect(result.stdout).toBe('')
    return false
  }

  test(`an add leaves all rows or none if killed at every ${IS_THOROUGH ? '' : 'fourth '}write to the database`, async () => {
    const database = await newDatabase('sqlite')
    const paths: string[] = []
    const outcomes = new Set<number>()
    for (let moment = 1, lived = false; !lived; moment += IS_THOROUGH ? 1 : 4) {
      const path = await newImage()
      paths.push(path)
      const before = await expectWhole(database)
      lived = await killedAtWrite(addArgs(path), database, moment)
      const added = (await expectWhole(database)) - before
      if (lived) expect(added).toBe(1)
      else outcomes.add(added)
    }
    console.log(`killed at ${paths.length - 1} writes`)
    // Their number varies with what else has the file open. Some come before the commit, and some after it.
    expect(outcomes).toEqual(new Set([0, 1]))
    await addAll(paths, database)
    await expectWhole(database)
    await database.remove()
  })

  test('a database is usable after a kill while its file was created and migrated', async () => {
    for (let moment = 1, lived = false; !lived; moment += IS_THOROUGH ? 5 : 15) {
      const database = newSqlite()
      lived = await killedAtWrite(['account', 'list'], database, moment)
      expect(await vdcManage(addArgs(await newImage()), { database })).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/^(?:Created a new registry: .*\n)?$/),
      })
      expect(await expectWhole(database)).toBe(1)
      expect(await database.query('SELECT COUNT(*) AS n FROM accounts')).toEqual([{ n: 3 }])
      await database.remove()
    }
  })
})
