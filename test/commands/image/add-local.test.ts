import { renameSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import { shell, vdcManage, vdcManageJson } from '../../support/process/cli.ts'

/** `--description` of the first image; too long for vchar_value of a history. */
const LONG = 'Ubuntu 10.04 64bit. '.repeat(20)

describe.each(ENGINES)('image add local on %s', (engine) => {
  let database: TestDatabase
  const folder = newFolder()
  const path = join(folder.path, 'ubuntu10.04-amd64.qcow2')
  beforeAll(async () => {
    database = await newDatabase(engine)
    await makeImage(path)
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  test('prints only the ID, and writes the rows of dcmgr.md', async () => {
    const before = Date.now()
    const line = `vdc-manage image add local ${path} --arch x86_64 --account-id a-shpoolxx --description "Ubuntu 10.04 64bit"`
    const run = await shell(line, { database, env: { TZ: 'Asia/Tokyo' } })
    expect(run.stderr).toBe('')
    expect(run.code).toBe(0)
    expect(run.stdout).toMatch(/^wmi-[a-z0-9]{8}\n$/)
    const uuid = run.stdout.trim().slice('wmi-'.length)

    const [image] = await database.query('SELECT * FROM images')
    const now = String(image?.created_at)
    // UTC, although the program ran in Tokyo. Fractions of a second are truncated.
    expect(Date.parse(`${now.replace(' ', 'T')}Z`)).toBeGreaterThanOrEqual(before - 1000)
    expect(Date.parse(`${now.replace(' ', 'T')}Z`)).toBeLessThanOrEqual(Date.now())
    const [storage] = await database.query('SELECT * FROM backup_storages')
    const [object] = await database.query('SELECT * FROM backup_objects')

    expect(storage).toEqual({
      id: storage?.id,
      uuid: expect.stringMatching(/^[a-z0-9]{8}$/),
      display_name: `${folder.path}/`,
      storage_type: 'local',
      description: null,
      base_uri: `file://${folder.path}/`,
      deleted_at: null,
      created_at: now,
      updated_at: now,
      node_id: null,
    })
    const size = statSync(path).size
    const objectRow = {
      id: object?.id,
      account_id: 'a-shpoolxx',
      uuid: expect.stringMatching(/^[a-z0-9]{8}$/),
      display_name: 'ubuntu10.04-amd64',
      service_type: 'std',
      backup_storage_id: storage?.id,
      size,
      allocation_size: size,
      container_format: 'none',
      status: 0,
      state: 'available',
      object_key: 'ubuntu10.04-amd64.qcow2',
      checksum: hashOf(path, 'md5'),
      description: null,
      progress: 100,
      deleted_at: null,
      created_at: now,
      updated_at: now,
      purged_at: null,
      source_volume_id: '',
    }
    expect(object).toEqual(objectRow)
    const imageRow = {
      id: image?.id,
      account_id: 'a-shpoolxx',
      uuid,
      created_at: now,
      updated_at: now,
      boot_dev_type: 2,
      arch: 'x86_64',
      description: 'Ubuntu 10.04 64bit',
      is_public: 0,
      state: 'available',
      features: '--- {}\n',
      file_format: 'qcow2',
      root_device: null,
      is_cacheable: 0,
      instance_model_name: '',
      parent_image_id: null,
      service_type: 'std',
      display_name: 'ubuntu10.04-amd64',
      backup_object_id: `bo-${object?.uuid}`,
      deleted_at: null,
      volumes: '--- []\n',
      vifs: '--- []\n',
      os_type: 'linux',
    }
    expect(image).toEqual(imageRow)

    // One history row per column, in the order of the table; `id` is NULL.
    const histories = await database.query('SELECT * FROM histories ORDER BY id')
    const expected = [
      ...Object.keys(objectRow).map((attr) => historyRow(`bo-${object?.uuid}`, attr, object?.[attr])),
      ...Object.keys(imageRow).map((attr) => historyRow(`wmi-${uuid}`, attr, image?.[attr])),
    ]
    expect(expected).toHaveLength(20 + 23)
    expect(histories.map(({ id: _, ...row }) => row)).toEqual(expected.map((row) => ({ ...row, created_at: now })))

    const labels = await database.query(
      'SELECT resource_uuid, name, value_type, string_value, blob_value FROM resource_labels ORDER BY name',
    )
    const label = (resource_uuid: string, name: string, string_value: string) => ({
      resource_uuid,
      name,
      value_type: 1,
      string_value,
      blob_value: null,
    })
    expect(labels).toEqual([
      label(`bkst-${storage?.uuid}`, 'vdc-manage.claim', `file://${folder.path}/`),
      label(`bo-${object?.uuid}`, 'vdc-manage.md5', hashOf(path, 'md5')),
      label(`bo-${object?.uuid}`, 'vdc-manage.sha256', hashOf(path, 'sha256')),
      label(`bo-${object?.uuid}`, 'vdc-manage.virtual-size', String(1024 ** 3)),
    ])
  })

  test('prints an ID that the next command can take as id=$(…)', async () => {
    const run = await shell(
      `id=$(vdc-manage image add local ${path} --account-id a-shpoolxx) && vdc-manage image show "$id"`,
      { database },
    )
    expect(run.code).toBe(0)
    expect(run.stdout).toMatch(/^id: +wmi-[a-z0-9]{8}$/m)
    expect(run.stdout).toMatch(new RegExp(`^backup_object.uri: +file://${path}$`, 'm'))
    expect(run.stdout).toContain(hashOf(path, 'md5'))
    expect(run.stdout).toContain(hashOf(path, 'sha256'))
  })

  test('stores every attribute as given, with options in - or _ spelling', async () => {
    const parent = (
      await vdcManage(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], { database })
    ).stdout.trim()
    const image = await vdcManageJson(
      [
        'image',
        'add',
        'local',
        path,
        '--account_id=a-shpoolxx',
        '--uuid=wmi-lucid_5',
        '--arch',
        'x86',
        '--description',
        LONG,
        '--display_name=ルシッド',
        '--file-format=qcow2',
        '--is_public',
        '--is-cacheable',
        '--state=pending',
        '--root_device=label:root',
        '--service-type=lb',
        '--os-type=windows',
        '--instance_model_name=kvm',
        `--parent-image-id=${parent}`,
      ],
      { database },
    )
    const [row] = await database.query('SELECT * FROM images WHERE uuid = ?', ['lucid_5'])
    expect(row).toMatchObject({
      account_id: 'a-shpoolxx',
      arch: 'x86',
      description: LONG,
      display_name: 'ルシッド',
      file_format: 'qcow2',
      is_public: 1,
      is_cacheable: 1,
      state: 'pending',
      root_device: 'label:root',
      service_type: 'lb',
      os_type: 'windows',
      instance_model_name: 'kvm',
      parent_image_id: parent,
    })
    expect(image).toMatchObject({ id: 'wmi-lucid_5', is_public: true, description: LONG, parent_image_id: parent })
    const [history] = await database.query(
      "SELECT vchar_value, blob_value FROM histories WHERE uuid = 'wmi-lucid_5' AND attr = 'description'",
    )
    expect(history).toEqual({ vchar_value: null, blob_value: LONG })
  })

  test('reuses the backup object of an unchanged file; a changed file is a conflict', async () => {
    const other = await makeImage(join(folder.path, 'other.raw'), { format: 'raw', size: '1M' })
    const first = await vdcManageJson(['image', 'add', 'local', other, '--account-id', 'a-shpoolxx'], { database })
    const second = await vdcManageJson(['image', 'add', 'local', other, '--account-id', 'a-00000000'], { database })
    expect(second.backup_object_id).toBe(first.backup_object_id)
    expect(second.backup_object.account_id).toBe('a-shpoolxx')

    await makeImage(other, { format: 'raw', size: '2M' })
    const images = await database.query('SELECT COUNT(*) AS n FROM images')
    const run = await vdcManage(['image', 'add', 'local', other, '--account-id', 'a-shpoolxx'], { database })
    expect(run).toMatchObject({ code: 5, stdout: '' })
    expect(run.stderr).toContain(first.backup_object_id)
    expect(await database.query('SELECT COUNT(*) AS n FROM images')).toEqual(images)
  })

  test('accepts file names that are special to qemu-img or a shell', async () => {
    for (const name of ['a:b.raw', 'nbd:x.raw', 'fat:rw.raw', '-x.raw', "it's;$(x)&.raw"]) {
      await makeImage(join(folder.path, 'plain.raw'), { format: 'raw', size: '1M' })
      renameSync(join(folder.path, 'plain.raw'), join(folder.path, name))
      const args = ['image', 'add', 'local', '--account-id', 'a-shpoolxx', '--json', '--', name]
      const run = await vdcManage(args, { database, cwd: folder.path })
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(JSON.parse(run.stdout).backup_object.uri).toBe(`file://${folder.path}/${name}`)
    }
  })

  test('keeps a value that looks like an option with _', async () => {
    const args = ['image', 'add', 'local', path, '--account_id', 'a-shpoolxx', '--display-name', '--my_name']
    expect(await vdcManageJson(args, { database })).toMatchObject({ display_name: '--my_name' })
  })

  test('follows a symlink and registers its target', async () => {
    const link = join(folder.path, 'link.qcow2')
    symlinkSync('ubuntu10.04-amd64.qcow2', link)
    const image = await vdcManageJson(['image', 'add', 'local', link, '--account-id', 'a-shpoolxx'], { database })
    expect(image).toMatchObject({ display_name: 'ubuntu10.04-amd64', backup_object: { uri: `file://${path}` } })
  })

  test('chooses the storage whose base URI is the longest prefix of the file URI', async () => {
    const now = '2020-01-01 00:00:00'
    const add = (uuid: string, baseUri: string, type = 'local', deletedAt: string | null = null) =>
      database.query(
        'INSERT INTO backup_storages (uuid, display_name, storage_type, base_uri, deleted_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
        [uuid, uuid, type, baseUri, deletedAt, now, now],
      )
    const deep = newFolder()
    await add('shallow', 'file:///')
    await add('closest', `file://${deep.path}/`)
    await add('deleted', `file://${deep.path}/d`, 'local', now)
    await add('webdav', `file://${deep.path}/di`, 'webdav')
    await add('CASE', `file://${deep.path}/DIS`)
    try {
      const disk = await makeImage(join(deep.path, 'disk.raw'), { format: 'raw', size: '1M' })
      const image = await vdcManageJson(['image', 'add', 'local', disk, '--account-id', 'a-shpoolxx'], { database })
      expect(image.backup_storage.id).toBe('bkst-closest')
      expect(image.backup_object.object_key).toBe('disk.raw')

      const named = await makeImage(join(deep.path, 'named.raw'), { format: 'raw', size: '1M' })
      const args = ['image', 'add', 'local', named, '--account-id', 'a-shpoolxx', '--storage-id']
      const chosen = await vdcManageJson([...args, 'bkst-shallow'], { database })
      expect(chosen.backup_storage.id).toBe('bkst-shallow')
      expect(chosen.backup_object.uri).toBe(`file://${named}`)
      expect(await vdcManage([...args, 'bkst-CASE'], { database })).toMatchObject({ code: 3, stdout: '' })
    } finally {
      await database.query("DELETE FROM backup_storages WHERE uuid = 'shallow'")
      deep.remove()
    }
  })
})

function historyRow(uuid: string, attr: string, value: string | number | null | undefined) {
  const text = value === null || value === undefined ? null : String(value)
  return { uuid, attr, vchar_value: attr === 'id' ? null : text, blob_value: null }
}
