import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { allRows, ENGINES, newDatabase, newSqlite, type TestDatabase } from '../../support/databases/databases.ts'
import { insert, newWakame } from '../../support/databases/wakame.ts'
import { newFolder } from '../../support/files/images.ts'
import { runLines, shell, vdcManage } from '../../support/process/cli.ts'
import { expectRefused } from '../../support/refusals.ts'

const MD5 = '0'.repeat(32)

describe.each(ENGINES)('image orphans on %s', (engine) => {
  let database: TestDatabase
  const folder = newFolder()
  const srv = join(folder.path, 'srv')
  const far = join(folder.path, 'far')
  const object = (id: string, storage: string, key: string, more = '') =>
    `backupobject add --uuid bo-${id} --display-name ${id} --storage-id bkst-${storage} --object-key ${key} --size 512 --checksum ${MD5} ${more}`
  const storage = (id: string, uri: string) =>
    `backupstorage add --uuid bkst-${id} --display-name ${id} --base-uri ${uri} --storage-type local`

  beforeAll(async () => {
    for (const path of ['srv/a/deep', 'srv/.vdc-manage-work.host.1.2.x', 'far/in', 'elsewhere']) {
      mkdirSync(join(folder.path, path), { recursive: true })
    }
    const files = [
      'srv/known.raw',
      'srv/a/known.raw',
      'srv/a/through-outer.raw',
      'srv/a/deep/strange.raw',
      'srv/stray.raw',
    ]
    files.push(
      'srv/deleted.raw',
      'srv/purged.raw',
      'srv/.vdc-manage-work.host.1.2.x/part',
      'far/in/own.raw',
      'far/other.raw',
    )
    files.push('elsewhere/target.raw', 'srv/a/upper.RAW')
    for (const file of files) writeFileSync(join(folder.path, file), 'x'.repeat(file.length))
    writeFileSync(Buffer.concat([Buffer.from(`${srv}/bad-`), Buffer.from([0xff])]), '12')
    writeFileSync(join(srv, 'esc\u001b[2J.raw'), '1')
    symlinkSync(join(folder.path, 'elsewhere'), join(srv, 'link'))
    symlinkSync('/', join(srv, 'a', 'root'))
    symlinkSync(join(far, 'in'), join(srv, 'into-far'))
    symlinkSync(join(srv, 'nowhere'), join(srv, 'dangling.raw'))
    database = await newDatabase(engine)
    await runLines(
      [
        storage('outer', `file://${srv}/`),
        storage('inner', `file://${srv}/a/`),
        storage('far', `file://${far}/in/`),
        'backupstorage add --uuid bkst-dav --display-name d --base-uri http://dav.example/ --storage-type webdav',
        object('known', 'outer', 'known.raw'),
        object('inner', 'inner', 'known.raw'),
        object('nested', 'outer', 'a/through-outer.raw'),
        // Its file is in another storage, reached through a symlink.
        object('linked', 'outer', 'into-far/own.raw'),
        object('deleted', 'outer', 'deleted.raw'),
        object('purged', 'outer', 'purged.raw'),
        object('lost', 'outer', 'lost.raw'),
        object('lost2', 'inner', 'none/lost.raw'),
        object('dangling', 'outer', 'dangling.raw'),
        object('folder', 'outer', 'a'),
        object('coming', 'outer', 'coming.raw', '--state creating'),
        object('upper', 'inner', 'UPPER.raw'),
        object('dav', 'dav', 'lost.raw'),
        'image add local bo-lost --uuid wmi-one --account-id a-shpoolxx',
        'image add local bo-lost --uuid wmi-two --account-id a-shpoolxx',
        'image add local bo-lost --uuid wmi-gone --account-id a-shpoolxx',
        'image del wmi-gone',
        'backupobject del bo-deleted bo-purged',
      ],
      { database },
    )
    await database.query("UPDATE backup_objects SET state = 'purged' WHERE uuid = 'purged'")
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  interface Row {
    kind: string
    id: string
    path: string
    size: number | null
    images: string[]
  }
  const orphans = async (...args: string[]): Promise<Row[]> =>
    JSON.parse((await vdcManage(['image', 'orphans', '--json', ...args], { database, reject: true })).stdout)
  const unknown = (id: string, path: string, size: number) => ({
    kind: 'unknown_file',
    id,
    path: join(srv, path),
    size,
    images: [],
  })
  const missing = (id: string, path: string, images: string[] = []) => ({
    kind: 'missing_file',
    id,
    path: join(srv, path),
    size: null,
    images,
  })
  const sorted = (rows: Row[]) => [...rows].sort((a, b) => (a.id + a.path < b.id + b.path ? -1 : 1))

  test('lists files without an object, each once, and objects without a file', async () => {
    const before = await allRows(database)
    expect(sorted(await orphans())).toEqual(
      sorted([
        unknown('bkst-outer', 'stray.raw', 13),
        unknown('bkst-outer', 'purged.raw', 14),
        unknown('bkst-outer', 'bad-\ufffd', 2),
        unknown('bkst-outer', 'esc\u001b[2J.raw', 1),
        unknown('bkst-inner', 'a/deep/strange.raw', 22),
        unknown('bkst-inner', 'a/upper.RAW', 15),
        missing('bo-lost', 'lost.raw', ['wmi-one', 'wmi-two']),
        missing('bo-lost2', 'a/none/lost.raw'),
        missing('bo-dangling', 'dangling.raw'),
        missing('bo-folder', 'a'),
        missing('bo-upper', 'a/UPPER.raw'),
      ]),
    )
    expect(await allRows(database)).toEqual(before)
  })

  test('with --storage-id still knows the files of other storages', async () => {
    expect(sorted(await orphans('--storage-id', 'bkst-inner'))).toEqual(
      sorted([
        unknown('bkst-inner', 'a/deep/strange.raw', 22),
        unknown('bkst-inner', 'a/upper.RAW', 15),
        missing('bo-lost2', 'a/none/lost.raw'),
        missing('bo-upper', 'a/UPPER.raw'),
      ]),
    )
    expect(await orphans('--storage-id', 'far')).toEqual([])
  })

  test('prints a table that can be piped, with control characters escaped', async () => {
    const run = await shell('vdc-manage image orphans | grep ^missing_file | wc -l', { database })
    expect(run).toMatchObject({ code: 0, stdout: '5\n', stderr: '' })
    const { stdout } = await vdcManage(['image', 'orphans'], { database })
    expect(stdout).toMatch(/^unknown_file +bkst-outer +13 B +\S+\/stray.raw +-$/m)
    expect(stdout).toMatch(/^missing_file +bo-lost +- +\S+\/lost.raw +wmi-one, wmi-two$/m)
    expect(stdout).toContain('esc\\u001b[2J.raw')
  })

  test('skips a missing folder with a warning', async () => {
    const gone = mkdtempSync(join(folder.path, 'gone-'))
    await runLines([storage('gone', `file://${gone}/`), object('there', 'gone', 'there.raw')], { database })
    rmSync(gone, { recursive: true })
    const run = await vdcManage(['image', 'orphans', '--storage-id', 'bkst-gone'], { database })
    expect(run.code).toBe(9)
    expect(run.stdout).not.toContain('bo-there')
    expect(run.stderr).toBe(
      `Warning: Storage bkst-gone was not checked: its folder file://${gone}/ does not exist on this host\nError: Some folders could not be searched\n`,
    )
    const all = await vdcManage(['image', 'orphans'], { database })
    expect(all.code).toBe(9)
    expect(all.stdout).toContain('stray.raw')
    await runLines(['backupobject del bo-there', 'backupstorage del bkst-gone'], { database })
  })

  test('refuses an unknown storage, and warns about one that is not local', async () => {
    await expectRefused(database, ['image', 'orphans', '--storage-id', 'bkst-nope'], {
      exit: 4,
      message: 'Backup storage bkst-nope does not exist',
    })
    const run = await vdcManage(['image', 'orphans', '--storage-id', 'bkst-dav'], { database })
    expect(run).toMatchObject({
      code: 9,
      stderr: expect.stringContaining('Warning: bkst-dav is not a local storage\n'),
    })
  })
})

test('image orphans does not list an SQLite registry in a storage folder', async () => {
  const database = newSqlite()
  const folder = dirname(database.uri.slice('sqlite://'.length))
  writeFileSync(join(folder, 'stray.raw'), 'x')
  await vdcManage(['account', 'list'], { database, reject: true })
  await runLines(
    [`backupstorage add --uuid bkst-x --display-name x --base-uri file://${folder}/ --storage-type local`],
    { database },
  )
  const run = await vdcManage(['image', 'orphans', '--format', 'value', '-c', 'path'], { database })
  expect(run).toMatchObject({ code: 0, stdout: `${folder}/stray.raw\n` })
  await database.remove()
})

test('image orphans handles base URIs without a trailing slash, and duplicate storage rows, on a database of Wakame-vdc', async () => {
  const database = await newWakame(inject('mariadb').port)
  const folder = newFolder()
  for (const name of ['img-known.raw', 'img-stray.raw', 'other.raw']) writeFileSync(join(folder.path, name), 'x')
  await insert(database, 'backup_storages', { id: 1, uuid: 'local', base_uri: `file://${folder.path}/img-` })
  await insert(database, 'backup_storages', { id: 2, uuid: 'local', base_uri: `file://${folder.path}/img-` })
  await insert(database, 'backup_storages', { id: 3, uuid: 'odd', base_uri: 'file://host/srv/' })
  await insert(database, 'backup_objects', { id: 1, uuid: 'known', backup_storage_id: 2, object_key: 'known.raw' })
  const run = await vdcManage(['image', 'orphans', '--json'], { database })
  expect(run).toMatchObject({ code: 9, stderr: expect.stringContaining('bkst-odd was not checked') })
  expect(run.stderr).toMatch(/\nError: Some folders could not be searched\n$/)
  expect(JSON.parse(run.stdout)).toEqual([
    { kind: 'unknown_file', id: 'bkst-local', path: join(folder.path, 'img-stray.raw'), size: 1, images: [] },
  ])
  await database.remove()
  folder.remove()
})
