import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, type TestDatabase } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { vdcManage } from '../../support/process/cli.ts'
import {
  ADD,
  imageIds,
  imagesNotWhole,
  killThroughProxy,
  linesOf,
  newDatabaseWithObject,
  OBJECT,
  runScript,
  runThroughProxy,
  startScript,
  watchImages,
} from '../../support/process/scripts.ts'

/* What a script stores, and when, with --tx each, bulk and none, over one connection. */

const MODES = ['each', 'bulk', 'none'] as const

describe.each(ENGINES)('on %s', (engine) => {
  let database: TestDatabase
  const newImages = watchImages(() => database)
  beforeAll(async () => {
    database = await newDatabaseWithObject(engine)
  })
  afterAll(() => database.remove())

  test('each: lines before an error are stored, with or without -e', async () => {
    await newImages()
    for (const args of [[], ['--tx', 'each'], ['--tx', 'each', '-e']]) {
      const run = await runScript(database, [ADD, ADD, 'image show wmi-none', ADD], args)
      const ids = await newImages()
      expect(ids).toHaveLength(args.includes('-e') ? 2 : 3)
      expect(run).toMatchObject({ code: args.includes('-e') ? 4 : 9, stdout: `${ids.join('\n')}\n` })
    }
  })

  test('bulk: IDs are printed in order after the commit', async () => {
    const run = await runScript(database, Array(20).fill(ADD), ['--tx', 'bulk'])
    const ids = await newImages()
    expect(ids).toHaveLength(20)
    expect(run).toMatchObject({ code: 0, stdout: `${ids.join('\n')}\n`, stderr: '' })
    expect(await imagesNotWhole(database)).toEqual([])
  })

  test('bulk: exit commits the lines before it', async () => {
    const run = await runScript(database, [ADD, 'exit', 'image show wmi-none'], ['--tx', 'bulk', '-e'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(await newImages()).toEqual(linesOf(run.stdout))
    expect(linesOf(run.stdout)).toHaveLength(1)
  })

  test.each([
    ['image bogus', 2],
    [`${ADD} --description "one`, 2],
    [`${ADD} --arch sparc`, 3],
    ['image show wmi-none', 4],
    ['account add --uuid shpoolxx', 5],
    [`${ADD} --uuid bulktwin`, 5],
    ['image del wmi-none wmi-none', 9],
  ])('bulk: %s: stores and prints nothing', async (line, code) => {
    const rows = async () => [
      await database.query('SELECT * FROM images'),
      await database.query('SELECT * FROM histories'),
      await database.query('SELECT * FROM accounts'),
      await database.query('SELECT * FROM backup_objects'),
      await database.query('SELECT * FROM resource_labels'),
    ]
    await runScript(database, [ADD])
    await newImages()
    const [old] = await imageIds(database)
    const all = await rows()
    const script = [
      ADD,
      `${ADD} --uuid bulktwin`,
      'account add --uuid bulkacct',
      `image modify ${old} --description changed`,
      `image label ${old} one=two`,
      `backupobject modify ${OBJECT} --description changed`,
      line,
      ADD,
    ]
    for (const args of [[], ['-e']]) {
      const run = await runScript(database, script, ['--tx', 'bulk', ...args])
      expect(run).toMatchObject({ code: args.length === 0 ? 9 : code, stdout: '' })
      expect(run.stderr).toContain(`Line 7 failed: ${line}\n`)
      expect(run.stderr).toMatch(/^Error: /)
      expect(run.stderr.endsWith('\nNothing was stored\n')).toBe(true)
      expect(await rows()).toEqual(all)
    }
  })

  test('bulk: errors go to stderr even with --json', async () => {
    const run = await runScript(database, [`${ADD} --json`, 'image show wmi-none --json'], ['--tx', 'bulk', '-e'])
    expect(run).toMatchObject({ code: 4, stdout: '' })
    expect(run.stderr).toBe(
      'Error: Image wmi-none does not exist\nHint: List all images with: vdc-manage image list --all\nLine 2 failed: image show wmi-none --json\nNothing was stored\n',
    )
    const several = await runScript(database, ['image show --json wmi-none wmi-none2'], ['--tx', 'bulk', '-e'])
    expect(several).toMatchObject({ code: 9, stdout: '' })
    expect(several.stderr.match(/^Error: Image wmi-none2? does not exist$/gm)).toHaveLength(2)
    expect(await newImages()).toEqual([])
  })

  test('bulk: output keeps its order', async () => {
    const run = await runScript(database, ['help image', ADD, 'account show a-shpoolxx --json'], ['--tx', 'bulk'])
    const [id] = await newImages()
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toMatch(
      new RegExp(
        `^Register, list, change, verify and delete images\\.\\n[\\s\\S]*\\n${id}\\n\\{\\n  "id": "a-shpoolxx"`,
      ),
    )
  })

  test('bulk: a failing script prints no help either', async () => {
    const run = await runScript(database, ['help', 'image show wmi-none'], ['--tx', 'bulk'])
    expect(run).toMatchObject({ code: 9, stdout: '' })
  })

  test('bulk: lines see what earlier lines wrote', async () => {
    const run = await runScript(
      database,
      [
        'account add --uuid bulkuser --description "in bulk"',
        `image add local ${OBJECT} --account-id a-bulkuser --uuid bulkone`,
        'image modify wmi-bulkone --description changed',
        'image label wmi-bulkone one=two',
        'image list --quiet --owned --account-id a-bulkuser --label one=two',
        'image show wmi-bulkone --json',
        'image del wmi-bulkone',
        'image list --quiet --owned --account-id a-bulkuser',
      ],
      ['--tx', 'bulk', '-e'],
    )
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toMatch(/^a-bulkuser\nwmi-bulkone\nwmi-bulkone\n\{\n[\s\S]*\n\}\n$/)
    expect(JSON.parse(run.stdout.slice(run.stdout.indexOf('{')))).toMatchObject({
      id: 'wmi-bulkone',
      description: 'changed',
      state: 'available',
    })
    expect(await database.query("SELECT state FROM images WHERE uuid = 'bulkone'")).toEqual([{ state: 'deleted' }])
    // Its history is longer than that of other images.
    await database.query("DELETE FROM images WHERE uuid = 'bulkone'")
    await database.query("DELETE FROM histories WHERE uuid = 'wmi-bulkone'")
    await newImages()
  })

  test('bulk: refuses db migrate', async () => {
    for (const args of [[], ['-e']]) {
      const run = await runScript(database, [ADD, 'db migrate', ADD], ['--tx', 'bulk', ...args])
      expect(run).toMatchObject({ code: args.length === 0 ? 9 : 2, stdout: '' })
      expect(run.stderr).toMatch(/^Error: Cannot migrate within --tx bulk, because creating a table commits at once/)
      expect(run.stderr).toContain('Line 2 failed: db migrate\n')
      expect(await newImages()).toEqual([])
    }
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 143],
  ] as const)('bulk: %s exits with %i, and nothing is stored or printed', async (signal, code) => {
    await newImages()
    // The debug output of one line shows that the first are done. There are many more than run until the signal comes.
    const script = [...Array(150).fill(ADD), `${ADD} --debug`, ...Array(10_000).fill(ADD)]
    const running = startScript(database, script, ['--tx', 'bulk'])
    running.process.stderr?.once('data', () => running.kill(signal))
    const run = await running.ended
    expect(run).toMatchObject({ code, stdout: '' })
    expect(run.stderr).toMatch(/\nNothing was stored\n$/)
    expect(run.stderr).not.toMatch(/ at .*:\d+|failed/)
    expect(await newImages()).toEqual([])
    expect(await imagesNotWhole(database)).toEqual([])
    // No lock is left.
    expect(await runScript(database, [ADD])).toMatchObject({ code: 0, stderr: '' })
    await newImages()
  })

  test('bulk: a signal that also ended qemu-img exits with 130 and stores nothing', async () => {
    const folder = newFolder()
    const bin = folder.path
    writeFileSync(join(bin, 'qemu-img'), '#!/bin/sh\nkill -INT $PPID; sleep 0.3; exit 1\n', { mode: 0o755 })
    writeFileSync(join(bin, 'disk.raw'), Buffer.alloc(1024 * 1024))
    const run = await vdcManage(['--tx', 'bulk'], {
      input: `${ADD}\nimage add local ${bin}/disk.raw --account-id a-shpoolxx\n`,
      env: { VDC_MANAGE_DATABASE_URI: database.uri, PATH: `${bin}:${process.env.PATH}` },
      process: true,
    })
    expect(run).toMatchObject({ code: 130, stdout: '' })
    expect(run.stderr).toMatch(/Nothing was stored\n$/)
    expect(await newImages()).toEqual([])
    folder.remove()
  })

  test('none: a failing line keeps the rows it has written, and later lines run', async () => {
    const trigger =
      engine === 'mariadb'
        ? `CREATE TRIGGER ${database.uri.split('/').at(-1)}.refuse BEFORE INSERT ON histories FOR EACH ROW BEGIN IF NEW.vchar_value = 'half' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no half things'; END IF; END`
        : "CREATE TRIGGER refuse BEFORE INSERT ON histories WHEN NEW.vchar_value = 'half' BEGIN SELECT RAISE(ABORT, 'no half things'); END"
    await database.query(trigger)
    await newImages()
    const script = [ADD, `${ADD} --uuid half${engine}1 --display-name half`, ADD]
    const each = await runScript(database, script)
    expect(each).toMatchObject({
      code: 9,
      stderr: expect.stringMatching(/no half things.*\n(Hint.*\n)?Line 2 failed/),
    })
    expect(await newImages()).toEqual(linesOf(each.stdout))
    const bulk = await runScript(database, script, ['--tx', 'bulk'])
    expect(bulk).toMatchObject({ code: engine === 'mariadb' ? 9 : 6, stdout: '' })
    expect(bulk.stderr).toMatch(/^Nothing was stored$/m)
    expect(await newImages()).toEqual([])
    expect(await imagesNotWhole(database)).toEqual([])

    const none = await runScript(database, script, ['--tx', 'none'])
    expect(none.code).toBe(9)
    expect(none.stderr).toMatch(/no half things.*\n(Hint.*\n)?Line 2 failed/)
    const ids = await newImages()
    expect(ids).toEqual([linesOf(none.stdout)[0], `wmi-half${engine}1`, linesOf(none.stdout)[1]])
    expect(await imagesNotWhole(database)).toEqual([`wmi-half${engine}1`])

    const stopped = await runScript(
      database,
      [ADD, `${ADD} --uuid half${engine}2 --display-name half`, ADD],
      ['--tx', 'none', '-e'],
    )
    expect(stopped.code).toBe(engine === 'mariadb' ? 1 : 6)
    expect(await newImages()).toEqual([...linesOf(stopped.stdout), `wmi-half${engine}2`])
    await database.query('DROP TRIGGER refuse')
    await database.query("DELETE FROM images WHERE uuid LIKE 'half%'")
    await newImages()
  })

  test.each(MODES)('%s: stores the same rows for the same script', async (tx) => {
    await newImages()
    const script = [`${ADD} --description one`, ADD, `image add volume ${OBJECT} --account-id a-shpoolxx`]
    const run = await runScript(database, script, ['--tx', tx])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(await newImages()).toEqual(linesOf(run.stdout))
    expect(linesOf(run.stdout)).toHaveLength(3)
    expect(await imagesNotWhole(database)).toEqual([])
  })
})

describe('on MariaDB', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabaseWithObject('mariadb')
  })
  afterAll(() => database.remove())
  const name = () => database.uri.split('/').at(-1)
  const isInsert = (sql: string) => /^insert into images/i.test(sql)

  test.each(MODES)('--tx %s: runs 50 lines over one connection', async (tx) => {
    const { run, proxy } = await runThroughProxy(
      database,
      [...Array(48).fill(ADD), 'image list --quiet', 'account show a-shpoolxx'],
      ['-e', '--tx', tx],
    )
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(proxy.connections()).toBe(1)
    expect(proxy.statements()).toBeGreaterThan(200)
  })

  test('errors keep the connection open', async () => {
    const { run, proxy } = await runThroughProxy(
      database,
      Array(10)
        .fill([ADD, 'image show wmi-none', `${ADD} --arch sparc`, 'account add --uuid shpoolxx'])
        .flat(),
      [],
    )
    expect(run.code).toBe(9)
    expect(linesOf(run.stdout)).toHaveLength(10)
    expect(proxy.connections()).toBe(1)
  })

  test('a script without database commands opens no connection', async () => {
    const { run, proxy } = await runThroughProxy(database, ['# one', 'help image', '', '--version', 'exit'], [])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(proxy.connections()).toBe(0)
  })

  describe.each([[[]], [['-e']]])('a lost connection, with options %j', (args) => {
    test('bulk: exits with 6, stores and prints nothing, and runs no other line', async () => {
      const before = await imageIds(database)
      let inserts = 0
      let after = 0
      const { run } = await runThroughProxy(database, Array(20).fill(ADD), ['--tx', 'bulk', ...args], (_, sql) => {
        if (inserts >= 10) after++
        return isInsert(sql) && ++inserts === 10 ? 'cut' : 'pass'
      })
      expect(inserts).toBe(10)
      expect(after).toBe(0)
      expect(run).toMatchObject({ code: 6, stdout: '' })
      expect(run.stderr).toMatch(
        /^Error: .*the connection was lost\nHint: .*\nLine 10 failed: .*\nNothing was stored\n$/,
      )
      expect(await imageIds(database)).toEqual(before)
      expect(await imagesNotWhole(database)).toEqual([])
    })

    test('each: fails that line, and earlier lines stay stored', async () => {
      const before = await imageIds(database)
      let inserts = 0
      const { run, proxy } = await runThroughProxy(database, Array(20).fill(ADD), args, (_, sql) =>
        isInsert(sql) && ++inserts === 10 ? 'cut' : 'pass',
      )
      const added = (await imageIds(database)).slice(before.length)
      expect(added).toHaveLength(args.includes('-e') ? 9 : 19)
      expect(run).toMatchObject({ code: args.includes('-e') ? 6 : 9, stdout: `${added.join('\n')}\n` })
      expect(run.stderr).toMatch(/^Error: .*the connection was lost.*\n(Hint: .*\n)?Line 10 failed: .*\n$/)
      expect(proxy.connections()).toBe(args.includes('-e') ? 1 : 2)
      expect(await imagesNotWhole(database)).toEqual([])
    })

    test('bulk: during the commit, exits with 6 and says that the outcome is unknown', async () => {
      const before = await imageIds(database)
      const { run } = await runThroughProxy(database, Array(5).fill(ADD), ['--tx', 'bulk', ...args], (_, sql) =>
        /^COMMIT/i.test(sql) ? 'cut' : 'pass',
      )
      expect(run).toMatchObject({ code: 6, stdout: '' })
      expect(run.stderr).toMatch(/^Error: .*may or may not be stored\nHint: .*\n(?:Possibly stored: wmi-\w+\n){5}$/)
      expect(await imageIds(database)).toEqual(before)
    })
  })

  test('bulk: commits one transaction once, and stores nothing after SIGKILL', async () => {
    const before = await imageIds(database)
    const statements: string[] = []
    const { run } = await runThroughProxy(database, Array(3).fill(ADD), ['--tx', 'bulk'], (_, sql) => {
      statements.push(sql)
      return 'pass'
    })
    expect(run.code).toBe(0)
    expect(statements.filter((sql) => /^BEGIN/i.test(sql))).toHaveLength(1)
    expect(statements.filter((sql) => /^COMMIT/i.test(sql))).toHaveLength(1)
    expect(await imageIds(database)).toHaveLength(before.length + 3)

    for (const moment of [1, 5, 10]) {
      let inserts = 0
      const killed = await killThroughProxy(database, Array(10).fill(ADD), ['--tx', 'bulk'], ({ kill }) => (_, sql) => {
        if (isInsert(sql) && ++inserts === moment) kill('SIGKILL')
        return 'pass'
      })
      expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: '' })
      expect(inserts).toBe(moment)
    }
    await sleep(100)
    expect(await imageIds(database)).toHaveLength(before.length + 3)
  })

  test('each: signals end the script, and printed IDs stay stored', async () => {
    for (const [signal, code, says] of [
      ['SIGINT', 130, 'Interrupted'],
      ['SIGTERM', 143, 'Terminated'],
      ['SIGHUP', 143, 'Terminated'],
    ] as const) {
      const before = await imageIds(database)
      let inserts = 0
      const run = await killThroughProxy(database, Array(20).fill(ADD), [], ({ kill }) => (_, sql) => {
        if (isInsert(sql) && ++inserts === 10) kill(signal)
        return 'pass'
      })
      expect(run).toMatchObject({ code, stderr: `Error: ${says}\n` })
      await sleep(100)
      expect((await imageIds(database)).slice(before.length)).toEqual(linesOf(run.stdout))
      // The line may end before the signal arrives.
      expect([9, 10]).toContain(linesOf(run.stdout).length)
      expect(await imagesNotWhole(database)).toEqual([])
    }
  })

  describe('a deadlock', () => {
    beforeAll(async () => {
      await database.query('CREATE TABLE attempts (id int NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=MyISAM')
      // The first two attempts to insert this image fail as if by a deadlock.
      await database.query(
        `CREATE TRIGGER ${name()}.fail_twice BEFORE INSERT ON images FOR EACH ROW BEGIN IF NEW.display_name = 'deadlock' THEN INSERT INTO attempts VALUES (NULL); IF (SELECT COUNT(*) FROM attempts) <= 2 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'; END IF; END IF; END`,
      )
    })
    afterAll(async () => {
      await database.query('DROP TRIGGER fail_twice')
      await database.query('DROP TABLE attempts')
    })

    test.each([
      ['bulk', 3],
      ['each', 1],
    ] as const)('%s: retries what was rolled back', async (tx, times) => {
      await database.query('DELETE FROM attempts')
      const before = await imageIds(database)
      const script = [ADD, 'image list --quiet', ADD, `${ADD} --display-name deadlock`, ADD]
      let firsts = 0
      const { run } = await runThroughProxy(database, script, ['--tx', tx, '-e'], (_, sql) => {
        if (isInsert(sql) && !sql.includes("'deadlock'")) firsts++
        return 'pass'
      })
      const after = await imageIds(database)
      const [a, b, c, d] = after.slice(before.length)
      expect(after).toHaveLength(before.length + 4)
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(linesOf(run.stdout)).toEqual([a, ...before, a, b, c, d])
      expect(firsts).toBe(2 * times + 1)
      expect(await database.query('SELECT COUNT(*) AS n FROM attempts')).toEqual([{ n: 3 }])
      expect(await imagesNotWhole(database)).toEqual([])
    })
  })

  test('an unreachable server exits with 6, or 9 for --tx each and none without -e', async () => {
    const nowhere = { uri: 'mysql://root@127.0.0.1:1/none' }
    for (const tx of MODES) {
      expect(await runScript(nowhere, [ADD, ADD], ['-e', '--tx', tx])).toMatchObject({ code: 6, stdout: '' })
      const run = await runScript(nowhere, [ADD, ADD], ['--tx', tx])
      expect(run).toMatchObject({ code: tx === 'bulk' ? 6 : 9, stdout: '' })
    }
  })
})
