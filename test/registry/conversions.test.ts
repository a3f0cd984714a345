import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import Libsql from 'libsql'
import { afterAll, afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { parseDatabaseUri } from '../../src/config/config.ts'
import { registerFile } from '../../src/registry/image/register/register-file.ts'
import { openRegistry } from '../../src/registry/open.ts'
import { giveAway, IS_ROOT, newGround, under } from '../support/attacker.ts'
import { allRows, countRows, ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { hashOf, makeImage, newFolder, rawDisk } from '../support/files/images.ts'
import { environment, PROGRAM, vdcManage, vdcManageJson } from '../support/process/cli.ts'
import { newWatcher } from '../support/process/watcher.ts'

/*
 * `image add local --convert`, interrupted after its result is in place and before
 * the commit.
 */

const MIB = 2 ** 20
const folder = newFolder()
afterAll(() => folder.remove())

let homes = 0
let home: string
let database: TestDatabase
const source = () => join(home, 'disk.raw')
const result = () => join(home, 'disk.qcow2')
beforeEach(() => {
  chmodSync(folder.path, 0o755)
  home = join(folder.path, `home${++homes}`)
  mkdirSync(home)
  writeFileSync(source(), rawDisk(MIB))
})
afterEach(() => database.remove())

const readdirSorted = (path: string) => readdirSync(path).sort()
const OWNER = ['--account-id', 'a-shpoolxx']
const args = () => ['image', 'add', 'local', source(), ...OWNER, '--convert', 'qcow2']
const start = (uri = database.uri) =>
  execa(PROGRAM, args(), {
    env: environment({ database: { uri } }),
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    forceKillAfterDelay: false,
  })

async function expectLeftOver(): Promise<void> {
  const before = await allRows(database)
  const run = await vdcManage(args(), { database })
  expect(run).toMatchObject({
    code: 5,
    stdout: '',
    stderr: `Error: ${result()} already exists, and no backup object refers to it\nHint: If an interrupted --convert or --prepare left it behind, it is complete. Remove it, or register it as it is with: vdc-manage image add local ${result()} --account-id …\n`,
  })
  expect(await allRows(database)).toEqual(before)
  await execa('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', source(), result()])
  // Following the hint works.
  const added = await vdcManage(['image', 'add', 'local', result(), ...OWNER], { database })
  expect(added).toMatchObject({ code: 0, stderr: '' })
  const plain = await vdcManage(args(), { database })
  expect(plain.stderr).toBe(
    `Error: ${result()} already exists\nHint: Remove it, or convert to another name with vdc-manage image convert, and register the result\n`,
  )
}

test('after a kill while it waits for SQLite, the next run says what to do with the file', async () => {
  database = await newDatabase('sqlite')
  const other = new Libsql(database.uri.slice('sqlite://'.length))
  other.exec('BEGIN IMMEDIATE')
  const running = start()
  await expect.poll(() => existsSync(result())).toBe(true)
  running.kill('SIGKILL')
  await running
  other.exec('ROLLBACK')
  other.close()
  expect((await countRows(database)).images).toBe(0)
  await expectLeftOver()
})

test('after a kill at the commit on MariaDB, the next run says what to do with the file', async () => {
  database = await newDatabase('mariadb')
  let running: ReturnType<typeof start> | undefined
  const proxy = await startProxy(inject('mariadb').port, (_, sql) => {
    if (!/^COMMIT/i.test(sql)) return 'pass'
    running?.kill('SIGKILL')
    return 'swallow'
  })
  running = start(database.uri.replace(/:\d+\//, `:${proxy.port}/`))
  expect((await running).signal).toBe('SIGKILL')
  await proxy.close()
  expect((await countRows(database)).images).toBe(0)
  await expectLeftOver()
})

test('the file is kept if it is unknown whether the commit succeeded', async () => {
  database = await newDatabase('mariadb')
  const proxy = await startProxy(inject('mariadb').port, (_, sql) => (/^COMMIT/i.test(sql) ? 'cut' : 'pass'))
  const run = await start(database.uri.replace(/:\d+\//, `:${proxy.port}/`))
  await proxy.close()
  expect(run).toMatchObject({ exitCode: 6, stdout: '', stderr: expect.stringMatching(/may or may not be stored/) })
  await execa('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', source(), result()])
  expect(readdirSorted(home)).toEqual(['disk.qcow2', 'disk.raw'])
})

test('an interruption while its rows are written leaves neither rows nor a file', async () => {
  database = await newDatabase('mariadb')
  let wasThere = false
  let running: ReturnType<typeof start> | undefined
  const proxy = await startProxy(inject('mariadb').port, async (_, sql): Promise<Verdict> => {
    if (!/^INSERT INTO .?images/i.test(sql)) return 'pass'
    wasThere = existsSync(result())
    running?.kill('SIGTERM')
    await sleep(300)
    return 'pass'
  })
  running = start(database.uri.replace(/:\d+\//, `:${proxy.port}/`))
  expect(await running).toMatchObject({ exitCode: 143, stdout: '' })
  await proxy.close()
  expect(wasThere).toBe(true)
  expect((await countRows(database)).images).toBe(0)
  expect(readdirSorted(home)).toEqual(['disk.raw'])
})

describe.each(ENGINES)('a file of another user or of a backup object on %s', (engine) => {
  test('is not called a leftover', async () => {
    database = await newDatabase(engine)
    writeFileSync(result(), 'theirs')
    const plain = `Error: ${result()} already exists\nHint: Remove it, or convert to another name with vdc-manage image convert, and register the result\n`
    if (IS_ROOT) {
      giveAway(result())
      expect((await vdcManage(args(), { database })).stderr).toBe(plain)
    }
    rmSync(result())
    // A deleted backup object keeps its file until it is purged.
    await makeImage(result())
    await vdcManage(['image', 'add', 'local', result(), ...OWNER], { database, reject: true })
    const [object] = await vdcManageJson(['backupobject', 'list'], { database })
    const [image] = await vdcManageJson(['image', 'list'], { database })
    await vdcManage(['image', 'del', image.id], { database, reject: true })
    await vdcManage(['backupobject', 'del', object.id], { database, reject: true })
    expect((await vdcManage(args(), { database })).stderr).toBe(plain)
  })
})

test.runIf(IS_ROOT)(
  'no other file is registered or removed if another user replaces its folder with a link',
  async () => {
    database = await newDatabase('sqlite')
    const { theirs, ours } = newGround(folder.path)
    const at = join(theirs, 'd')
    mkdirSync(at)
    giveAway(at)
    writeFileSync(join(at, 'disk.raw'), rawDisk(MIB))
    const victim = join(ours, 'disk.qcow2')
    await makeImage(victim)
    // A backup object already has this path with other contents, so the result is written, but cannot be registered.
    copyFileSync(victim, join(at, 'disk.qcow2'))
    await vdcManage(['image', 'add', 'local', join(at, 'disk.qcow2'), ...OWNER], { database, reject: true })
    rmSync(join(at, 'disk.qcow2'))
    const [before, md5] = [await allRows(database), hashOf(victim, 'md5')]
    const registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'))
    const script = `my ($dir, $victim) = @ARGV; chdir $dir or die; print "ready\\n";
    while (1) { next unless -e 'd/disk.qcow2'; select(undef, undef, undef, rand() / 20) if rand() < 0.5;
      rename 'd', 'e' or next; symlink $victim, 'd'; print "interfered\\n"; select(undef, undef, undef, 0.2); unlink 'd'; rename 'e', 'd'; }`
    const codes = new Set<string>()
    try {
      const { interfered } = await under(script, [theirs, ours], async () => {
        const request = { path: join(at, 'disk.raw'), account_id: 'a-shpoolxx', convert: 'qcow2' }
        await registerFile(registry, request, newWatcher()).catch((error) => codes.add(error.code))
        rmSync(join(theirs, 'e/disk.qcow2'), { force: true })
      })
      expect(interfered).toBeGreaterThan(0)
    } finally {
      await registry.close()
    }
    expect(existsSync(victim) && hashOf(victim, 'md5')).toBe(md5)
    expect(await allRows(database)).toEqual(before)
    expect(readdirSorted(ours)).toEqual(['disk.qcow2'])
  },
)
