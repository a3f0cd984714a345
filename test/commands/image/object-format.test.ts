import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { insert, newWakame } from '../../support/databases/wakame.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'

/*
 * The file format that an image gets from its backup object, and the warnings about it.
 */

const OWNER = ['--account-id', 'a-one']

const object = (id: string, more = '') =>
  `backupobject add --uuid ${id} --display-name ${id} --storage-id bkst-s --object-key ${id} --size 512 --checksum ${'0'.repeat(32)} ${more}`
const STORAGE = 'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local'

describe.each(ENGINES)('the file format of a backup object on %s', (engine) => {
  let database: TestDatabase
  let path: string
  const folder = newFolder()
  beforeAll(async () => {
    database = await newDatabase(engine)
    path = await makeImage(join(folder.path, 'disk.qcow2'))
    await runLines(
      [
        STORAGE,
        'account add --uuid a-one',
        object('bo-hand'),
        object('bo-none'),
        object('bo-packed', '--container-format gz'),
      ],
      { database },
    )
    await vdcManage(['backupobject', 'add', '--from-file', path, '--uuid', 'found'], { database, reject: true })
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  /** Adds an image. Returns its file format and the warning. */
  const add = async (boot: 'local' | 'volume', id: string, ...more: string[]) => {
    const run = await vdcManage(['image', 'add', boot, id, ...OWNER, ...more], { database, reject: true })
    const { file_format } = await vdcManageJson(['image', 'show', run.stdout.trim()], { database })
    return [file_format, run.stderr]
  }
  const VOLUME = (id: string, what: string) =>
    `Warning: Backup object ${id} is not raw (${what}): a volume made from it would hold these bytes unchanged, and only raw volumes boot\n`

  test('is that of its first image', async () => {
    expect(await add('local', 'bo-hand', '--file-format', 'qcow2', '--uuid', 'first')).toEqual(['qcow2', ''])
    expect(await add('local', 'bo-hand', '--uuid', 'second')).toEqual(['qcow2', ''])
    expect(await add('volume', 'bo-hand', '--uuid', 'third')).toEqual(['qcow2', VOLUME('bo-hand', 'qcow2')])
    // Also after they are all deleted.
    await runLines(['image del wmi-first wmi-second wmi-third'], { database })
    expect(await add('local', 'bo-hand')).toEqual(['qcow2', ''])
    // A given format wins; nobody has looked at the bytes.
    expect(await add('local', 'bo-hand', '--file-format', 'raw')).toEqual(['raw', ''])
  })

  test('is known from a registered file', async () => {
    const registered = join(folder.path, 'registered.qcow2')
    await makeImage(registered)
    const words = ['image', 'add', 'local', registered, ...OWNER, '--uuid', 'file']
    await vdcManage(words, { database, reject: true })
    const { backup_object_id: id } = await vdcManageJson(['image', 'show', 'wmi-file'], { database })
    expect(await add('local', id)).toEqual(['qcow2', ''])
    expect(await add('volume', id)).toEqual(['qcow2', VOLUME(id, 'qcow2')])
  })

  test('is raw if nothing is known, and compressed objects warn about volumes', async () => {
    expect(await add('local', 'bo-none')).toEqual(['raw', ''])
    expect(await add('volume', 'bo-none')).toEqual(['raw', ''])
    expect(await add('local', 'bo-packed')).toEqual(['raw', ''])
    expect(await add('volume', 'bo-packed')).toEqual(['raw', VOLUME('bo-packed', 'packed as gz')])
    expect(await add('volume', 'bo-packed', '--file-format', 'vmdk')).toEqual([
      'vmdk',
      VOLUME('bo-packed', 'vmdk, packed as gz'),
    ])
  })

  test('prints a warning if another one is given, also with image modify', async () => {
    expect(await add('local', 'bo-found', '--uuid', 'right')).toEqual(['qcow2', ''])
    const told = 'Warning: Backup object bo-found contains qcow2, not raw: the image may not boot\n'
    expect(await add('local', 'bo-found', '--file-format', 'raw', '--uuid', 'wrong')).toEqual(['raw', told])
    const modify = (...words: string[]) => vdcManage(['image', 'modify', ...words], { database })
    expect(await modify('wmi-wrong', '--file-format', 'qcow2')).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await modify('wmi-wrong', '--file-format', 'raw')).toMatchObject({ code: 0, stdout: '', stderr: told })
    expect(await modify('wmi-wrong', '--description', 'x')).toMatchObject({ code: 0, stdout: '', stderr: '' })
    await runLines(['image add local bo-none --account-id a-one --uuid moved'], { database })
    expect(await modify('wmi-moved', '--backup-object-id', 'bo-found')).toMatchObject({ code: 0, stderr: told })
  })

  test('is assumed unchanged, with a warning, if the bytes were corrected and no image tells', async () => {
    await vdcManage(
      ['backupobject', 'add', '--from-file', await makeImage(join(folder.path, 'b.qcow2')), '--uuid', 'b'],
      {
        database,
        reject: true,
      },
    )
    await database.query("UPDATE backup_objects SET checksum = ? WHERE uuid = 'b'", ['7'.repeat(32)])
    const guess =
      'Warning: Backup object bo-b contained qcow2 before its checksum was changed, and is assumed to contain it still; set another format with --file-format\n'
    expect(await add('local', 'bo-b', '--file-format', 'raw', '--uuid', 'b1')).toEqual(['raw', ''])
    expect(await add('local', 'bo-b', '--uuid', 'b2')).toEqual(['raw', ''])
    await runLines(['image del wmi-b1 wmi-b2', 'image purge wmi-b1 wmi-b2 --older-than 0s --yes'], { database })
    expect(await add('local', 'bo-b')).toEqual(['qcow2', guess])
  })

  test.each(['/dev/sda1', 'root', 'uuid:', 'LABEL:root', 'UUID=1234'])(
    'root device %j prints a warning, and is stored',
    async (device) => {
      const told = `Warning: The root device '${device}' is neither uuid:… nor label:…; Wakame-vdc finds the root filesystem by one of these\n`
      const run = await vdcManage(['image', 'add', 'local', 'bo-none', ...OWNER, '--root-device', device], { database })
      expect(run).toMatchObject({ code: 0, stderr: told })
      const id = run.stdout.trim()
      const modify = ['image', 'modify', id, '--root-device', device]
      expect(await vdcManage(modify, { database })).toMatchObject({ code: 0, stderr: told })
      expect((await vdcManageJson(['image', 'show', id], { database })).root_device).toBe(device)
    },
  )

  test.each(['uuid:148bc5df-3fc5-4e93-8a16-7328907cb1c0', 'label:root', ''])(
    'root device %j prints no warning',
    async (device) => {
      const run = await vdcManage(['image', 'add', 'local', 'bo-none', ...OWNER, '--root-device', device], { database })
      expect(run).toMatchObject({ code: 0, stderr: '' })
    },
  )

  test('images of the shared pool print a warning only on a database of Wakame-vdc', async () => {
    const run = await vdcManage(['image', 'add', 'local', 'bo-none', '--account-id', 'a-shpoolxx'], { database })
    expect(run).toMatchObject({ code: 0, stderr: '' })
  })
})

test('on a database of Wakame-vdc, an image of the shared pool that is not public prints one warning', async () => {
  const database = await newWakame(inject('mariadb').port)
  await insert(database, 'backup_storages', { id: 1, uuid: 's' })
  await insert(database, 'backup_objects', { id: 1, uuid: 'o', container_format: 'none' })
  await insert(database, 'accounts', { uuid: 'one' })
  const told =
    'Warning: Every account can start images of the shared pool, but the web API lists those that are not public for their owner only; set --is-public to list them for every account\n'
  const add = (...words: string[]) => vdcManage(['image', 'add', 'local', 'bo-o', ...words], { database })
  expect(await add('--account-id', 'a-shpoolxx', '--uuid', 'pool')).toMatchObject({ code: 0, stderr: told })
  expect(await add('--account-id', 'shpoolxx', '--is-public')).toMatchObject({ code: 0, stderr: '' })
  expect(await add('--account-id', 'a-one', '--uuid', 'own')).toMatchObject({ code: 0, stderr: '' })
  const modify = (...words: string[]) => vdcManage(['image', 'modify', ...words], { database })
  expect(await modify('wmi-own', '--account-id', 'a-shpoolxx')).toMatchObject({ code: 0, stderr: told })
  expect(await modify('wmi-own', '--description', 'x')).toMatchObject({ code: 0, stderr: '' })
  expect(await modify('wmi-own', '--is-public')).toMatchObject({ code: 0, stderr: '' })
  expect(await modify('wmi-own', '--no-is-public', '--dry-run')).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(told),
  })
  // Once per shell, whatever --tx is.
  const before = await allRows(database)
  for (const tx of [[], ['--tx', 'bulk']]) {
    const input = 'image add local bo-o --account-id a-shpoolxx\n'.repeat(3)
    const run = await vdcManage(['-e', ...tx], { database, input })
    expect(run).toMatchObject({ code: 0, stderr: told })
  }
  expect((await allRows(database)).images).toHaveLength(before.images.length + 6)
  await database.remove()
})
