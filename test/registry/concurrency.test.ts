import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parseDatabaseUri } from '../../src/config/config.ts'
import { addAccount } from '../../src/registry/account/add.ts'
import { registerFile } from '../../src/registry/image/register/register-file.ts'
import { openRegistry } from '../../src/registry/open.ts'
import { expectWhole } from '../support/databases/consistency.ts'
import {
  countRows,
  ENGINES,
  newDatabase,
  newSqlite,
  type TestDatabase,
  untilWaiting,
} from '../support/databases/databases.ts'
import { startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { vdcManage } from '../support/process/cli.ts'
import { newWatcher } from '../support/process/watcher.ts'
import { CROWD, IS_THOROUGH } from '../support/thorough.ts'

const NUMBERS = Array.from({ length: CROWD }, (_, number) => number)

describe.each(ENGINES)('concurrent commands on %s', (engine) => {
  let database: TestDatabase
  const folder = newFolder()
  beforeAll(async () => {
    database = await newDatabase(engine)
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })
  const add = (path: string) =>
    vdcManage(['image', 'add', 'local', path, '--account-id', 'a-crowd', '--create-account'], {
      database,
      process: true,
    })

  async function expectAll(runs: { code: number | undefined; stdout: string; stderr: string }[]) {
    for (const run of runs)
      expect(run).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^wmi-[a-z0-9]{8}\n$/) })
    expect(new Set(runs.map((run) => run.stdout)).size).toBe(runs.length)
  }

  test('adding many files of a new folder creates one storage and one account', async () => {
    const paths = await Promise.all(NUMBERS.map((number) => makeImage(join(folder.path, `disk${number}.qcow2`))))
    await expectAll(await Promise.all(paths.map(add)))
    expect(await countRows(database)).toMatchObject({
      accounts: 3,
      images: CROWD,
      backup_objects: CROWD,
      backup_storages: 1,
    })
    await expectWhole(database)
  })

  test('adding one file many times creates many images, one backup object and one storage', async () => {
    const other = newFolder()
    const path = await makeImage(join(other.path, 'one.qcow2'))
    await expectAll(await Promise.all(NUMBERS.map(() => add(path))))
    expect(await countRows(database)).toMatchObject({
      images: 2 * CROWD,
      backup_objects: CROWD + 1,
      backup_storages: 2,
    })
    await expectWhole(database)
    other.remove()
  })

  test('of many deletions of one image, only one succeeds', async () => {
    const path = await makeImage(join(folder.path, 'gone.qcow2'))
    const id = (await add(path)).stdout.trim()
    const [before] = await database.query('SELECT COUNT(*) AS n FROM histories')
    const runs = await Promise.all(NUMBERS.map(() => vdcManage(['image', 'del', id], { database, process: true })))
    expect(runs.map((run) => run.code).sort()).toEqual([0, ...NUMBERS.slice(1).map(() => 5)])
    const [after] = await database.query('SELECT COUNT(*) AS n FROM histories')
    expect(Number(after?.n)).toBe(Number(before?.n) + 3)
  })

  test('a generated ID that is taken is replaced by another', async () => {
    const path = await makeImage(join(folder.path, 'collision.qcow2'))
    const taken = (await add(path)).stdout.trim().slice('wmi-'.length)
    const generated: string[] = []
    const registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'), {
      generateUuid: () => {
        const uuid = generated.length < 2 ? taken.toUpperCase() : `free${generated.length}`
        generated.push(uuid)
        return uuid
      },
    })
    try {
      const before = await countRows(database)
      const image = await registerFile(registry, { path, account_id: 'a-crowd' }, newWatcher())
      expect(image.id).toBe('wmi-free2')
      expect(generated).toHaveLength(3)
      const after = await countRows(database)
      expect(after).toEqual({ ...before, images: Number(before.images) + 1, histories: Number(before.histories) + 23 })
      generated.length = 0
      await expect(
        registerFile(registry, { path, account_id: 'a-crowd', uuid: taken }, newWatcher()),
      ).rejects.toMatchObject({
        code: 'ID_TAKEN',
        exit: 5,
      })
      expect(generated).toHaveLength(0)

      generated.length = 0
      await addAccount(registry, { uuid: taken })
      expect((await addAccount(registry, {})).id).toBe('a-free2')
    } finally {
      await registry.close()
    }
  })
})

test('an add overtaken at any statement by another add of the same file shares its storage and backup object', async () => {
  const database = await newDatabase('mariadb')
  await vdcManage(['account', 'add', '--uuid', 'crowd'], { database, reject: true })
  const addArgs = (path: string) => ['image', 'add', 'local', path, '--account-id', 'a-crowd']
  let overtaken = true
  let statement = 1
  for (; overtaken; statement += IS_THOROUGH ? 1 : 3) {
    const folder = newFolder()
    const path = await makeImage(join(folder.path, 'disk.qcow2'))
    const before = await countRows(database)
    overtaken = false
    const proxy = await startProxy(inject('mariadb').port, async (number): Promise<Verdict> => {
      if (number === statement) {
        overtaken = true
        // The other add may wait for a lock of this one, so this one continues after a while.
        const other = vdcManage(addArgs(path), { database, reject: true })
        await Promise.race([other, sleep(1500)])
        others.push(other)
      }
      return 'pass'
    })
    const others: Promise<unknown>[] = []
    const uri = database.uri.replace(/:\d+\//, `:${proxy.port}/`)
    expect(await vdcManage(addArgs(path), { database: { uri } })).toMatchObject({ code: 0, stderr: '' })
    await Promise.all(others)
    await proxy.close()
    const after = await countRows(database)
    expect(after).toMatchObject({
      images: Number(before.images) + 1 + others.length,
      backup_objects: Number(before.backup_objects) + 1,
      backup_storages: Number(before.backup_storages) + 1,
    })
    await expectWhole(database)
    folder.remove()
  }
  expect(statement).toBeGreaterThan(20)
  await database.remove()
})

test('many concurrent first uses of an SQLite file create it once, and all succeed', async () => {
  const database = newSqlite()
  const runs = await Promise.all(NUMBERS.map(() => vdcManage(['account', 'add'], { database, process: true })))
  for (const run of runs)
    expect(run).toMatchObject({ code: 0, stderr: expect.stringMatching(/^(?:Created a new registry: .*\n)?$/) })
  expect(await countRows(database)).toMatchObject({ accounts: 2 + CROWD })
  await database.remove()
})

describe('a storage that is being deleted on MariaDB', () => {
  let database: TestDatabase
  const folder = newFolder()
  beforeAll(async () => {
    database = await newDatabase('mariadb')
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  test.each([
    ['image', 'add', 'local', 'FILE', '--account-id', 'a-shpoolxx'],
    ['backupobject', 'add', '--from-file', 'FILE'],
    ['backupobject', 'add', '--from-file', 'FILE', '--object-key', 'k'],
    ['backupobject', 'add', '--display-name', 'x', '--object-key', 'k', '--size', '1', '--checksum', '0'.repeat(32)],
  ])('gets no new backup object from: %s %s %s …', async (...words) => {
    const args = words.filter((word): word is string => word !== undefined)
    const path = await makeImage(join(folder.path, `${Date.now()}.qcow2`))
    const id = (
      await vdcManage(
        [
          'backupstorage',
          'add',
          '--display-name',
          's',
          '--base-uri',
          `file://${folder.path}/`,
          '--storage-type',
          'local',
        ],
        { database, reject: true },
      )
    ).stdout.trim()
    const named = args.includes('--object-key') ? ['--storage-id', id] : []
    await database.query('START TRANSACTION')
    await database.query('UPDATE backup_storages SET deleted_at = UTC_TIMESTAMP() WHERE uuid = ?', [
      id.slice('bkst-'.length),
    ])
    const adding = vdcManage([...args.map((word) => (word === 'FILE' ? path : word)), ...named], { database })
    await untilWaiting(database)
    await database.query('COMMIT')
    const run = await adding
    if (named.length > 0)
      expect(run).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining(`Backup storage ${id} does not exist`),
      })
    else expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(
      await database.query(
        'SELECT o.uuid FROM backup_objects AS o JOIN backup_storages AS s ON s.id = o.backup_storage_id WHERE s.uuid = ? AND o.deleted_at IS NULL',
        [id.slice('bkst-'.length)],
      ),
    ).toEqual([])
    await database.query('UPDATE backup_storages SET deleted_at = UTC_TIMESTAMP()')
    await database.query('UPDATE backup_objects SET deleted_at = UTC_TIMESTAMP()')
  })
})
