import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../../support/files/images.ts'
import { shell, vdcManage, vdcManageJson } from '../../../support/process/cli.ts'

describe.each(ENGINES)('image list, show and del on %s', (engine) => {
  let database: TestDatabase
  const folder = newFolder()
  let path: string
  const add = async (account: string, ...more: string[]) =>
    (
      await vdcManage(['image', 'add', 'local', path, '--account-id', account, ...more], { database, reject: true })
    ).stdout.trim()
  const ids = async (...args: string[]) =>
    (await vdcManage(['image', 'list', '--quiet', ...args], { database, reject: true })).stdout
  const lines = (...all: string[]) => all.map((id) => `${id}\n`).join('')

  let pool: string
  let own: string
  let pending: string
  let secret: string
  let open: string
  let gone: string
  beforeAll(async () => {
    database = await newDatabase(engine)
    path = await makeImage(join(folder.path, 'disk.qcow2'), { size: '2G' })
    for (const account of ['other', 'third'])
      await vdcManage(['account', 'add', '--uuid', account], { database, reject: true })
    pool = await add('a-shpoolxx', '--display-name', 'of the pool')
    // IDs with letters for sure, for tests of case.
    own = await add('a-other', '--uuid', 'own')
    await database.query("UPDATE backup_objects SET uuid = 'object'")
    await database.query("UPDATE resource_labels SET resource_uuid = 'bo-object' WHERE resource_uuid LIKE 'bo-%'")
    await database.query("UPDATE images SET backup_object_id = 'bo-object'")
    pending = await add('a-other', '--state', 'pending')
    secret = await add('a-third', '--display-name', 'secret')
    open = await add('a-third', '--is-public')
    gone = await add('a-other')
    await vdcManage(['image', 'del', gone], { database, reject: true })
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  test('lists all images that are not deleted, newest last', async () => {
    expect(await ids()).toBe(lines(pool, own, pending, secret, open))
    expect(await ids('--all')).toBe(lines(pool, own, pending, secret, open, gone))
  })

  test('lists the images of an account, available ones of the pool and public ones, each with its access', async () => {
    const images = await vdcManageJson(['image', 'list', '--account-id', 'a-other'], { database })
    expect(images.map((image: { id: string; access: string }) => [image.id, image.access])).toEqual([
      [pool, 'shared pool'],
      [own, 'own'],
      [open, 'public'],
    ])
    const run = await vdcManage(['image', 'ls', '--account-id', 'a-other'], { database })
    expect(run.stdout).toContain(pool)
    expect(run.stdout).not.toContain(secret)
    expect(run.stdout).toMatch(new RegExp(`^${pool} +of the pool .* shared pool$`, 'm'))
    expect(await ids('--account-id', 'a-shpoolxx')).toBe(lines(pool, open))
    expect(await ids('--account-id', 'a-other', '--all')).toBe(lines(pool, own, open, gone))
  })

  test('--owned lists only images owned by the account, in any state', async () => {
    expect(await ids('--account-id', 'a-other', '--owned')).toBe(lines(own, pending))
    expect(await ids('--account-id', 'a-other', '--owned', '--all')).toBe(lines(own, pending, gone))
    expect(await vdcManage(['image', 'list', '--owned'], { database })).toMatchObject({ code: 2, stdout: '' })
  })

  test('an unknown account is an error, unless it owns something', async () => {
    expect(await vdcManage(['image', 'list', '--account-id', 'a-nobody'], { database })).toMatchObject({
      code: 4,
      stdout: '',
      stderr: 'Error: Account a-nobody does not exist\nHint: List all accounts with: vdc-manage account list\n',
    })
  })

  test('accounts and objects are case-sensitive', async () => {
    const [row] = await database.query('SELECT * FROM images WHERE uuid = ?', [own.slice(4)])
    const { id: _, ...copy }: Record<string, string | number | null> = {
      ...row,
      uuid: 'upper',
      account_id: 'a-OTHER',
      backup_object_id: String(row?.backup_object_id).toUpperCase().replace('BO-', 'bo-'),
    }
    await database.query(
      `INSERT INTO images (${Object.keys(copy).join(', ')}) VALUES (${Object.keys(copy)
        .map(() => '?')
        .join(', ')})`,
      Object.values(copy),
    )
    try {
      expect(await ids('--account-id', 'a-other', '--owned')).toBe(lines(own, pending))
      expect(await ids('--account-id', 'a-other')).toBe(lines(pool, own, open))
      expect(await ids('--account-id', 'a-OTHER', '--owned')).toBe(lines('wmi-upper'))
      expect(await vdcManage(['image', 'list', '--account-id', 'a-Other'], { database })).toMatchObject({ code: 4 })
      const list = await vdcManageJson(['image', 'list', '--account-id', 'a-OTHER', '--owned'], { database })
      expect(list[0].virtual_size).toBe(null)
      expect(await vdcManageJson(['image', 'show', 'wmi-upper'], { database })).toMatchObject({
        backup_object: null,
        virtual_size: null,
      })
    } finally {
      await database.query("DELETE FROM images WHERE uuid = 'upper'")
    }
  })

  test('the table has its columns, and marks deleted images', async () => {
    const { stdout } = await vdcManage(['image', 'list', '--all'], { database })
    const [head, first] = stdout.split('\n')
    expect(head?.split(/ {2,}/)).toEqual([
      'ID',
      'NAME',
      'ACCOUNT',
      'ARCH',
      'FORMAT',
      'VIRTUAL SIZE',
      'STATE',
      'VISIBILITY',
      'CREATED',
    ])
    expect(first?.split(/ {2,}/)).toEqual([
      pool,
      'of the pool',
      'a-shpoolxx',
      'x86_64',
      'qcow2',
      '2 GiB',
      'available',
      'shared pool',
      expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    ])
    expect(stdout).toMatch(new RegExp(`^${gone} .* deleted +private `, 'm'))
    expect(stdout).toMatch(new RegExp(`^${open} .* available +public `, 'm'))
  })

  test('--json prints the rows, also an empty list', async () => {
    const [image] = await vdcManageJson(['image', 'list'], { database })
    expect(image).toEqual({
      id: pool,
      display_name: 'of the pool',
      description: null,
      account_id: 'a-shpoolxx',
      arch: 'x86_64',
      os_type: 'linux',
      file_format: 'qcow2',
      virtual_size: 2 * 1024 ** 3,
      allocation_size: expect.any(Number),
      state: 'available',
      visibility: 'shared pool',
      is_public: false,
      is_cacheable: false,
      protected: false,
      service_type: 'std',
      root_device: null,
      parent_image_id: null,
      backup_object_id: expect.stringMatching(/^bo-/),
      backup_storage_id: expect.stringMatching(/^bkst-/),
      checksum: expect.stringMatching(/^[0-9a-f]{32}$/),
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
      deleted_at: null,
    })
    await vdcManage(['account', 'add', '--uuid', 'empty'], { database })
    expect(await vdcManageJson(['image', 'list', '--account-id', 'a-empty', '--owned'], { database })).toEqual([])
    expect(await vdcManage(['image', 'list', '--json', '--quiet'], { database })).toMatchObject({ code: 2 })
  })

  test('image show without an ID prints the list', async () => {
    expect((await vdcManage(['image', 'show'], { database })).stdout).toBe(
      (await vdcManage(['image', 'list'], { database })).stdout,
    )
    expect(await vdcManageJson(['image', 'show'], { database })).toHaveLength(5)
  })

  test('image show of several IDs prints those it finds, and exits with 9', async () => {
    const run = await vdcManage(['image', 'show', own, 'wmi-none', secret.slice('wmi-'.length)], { database })
    expect(run.code).toBe(9)
    expect(run.stdout.match(/^id: .*$/gm)).toEqual(
      [own, secret].map((id) => expect.stringMatching(new RegExp(`^id: +${id}$`))),
    )
    expect(run.stderr).toContain('Image wmi-none does not exist')
    const json = await vdcManage(['image', 'show', own, 'wmi-none', '--json'], { database })
    expect(json).toMatchObject({ code: 9, stderr: '' })
    expect(JSON.parse(json.stdout)).toEqual([
      expect.objectContaining({ id: own }),
      { id: 'wmi-none', error: expect.objectContaining({ code: 'IMAGE_NOT_FOUND', exit: 4 }) },
    ])
  })

  test('a missing image exits with 4, an invalid ID with 3; IDs are case-sensitive', async () => {
    expect(await vdcManage(['image', 'show', 'wmi-none'], { database })).toMatchObject({ code: 4, stdout: '' })
    expect(await vdcManage(['image', 'show', 'bo-none'], { database })).toMatchObject({ code: 3, stdout: '' })
    expect(await vdcManage(['image', 'show', own.toUpperCase().replace('WMI', 'wmi')], { database })).toMatchObject({
      code: 4,
    })
  })

  test('hostile text is escaped', async () => {
    await database.query('UPDATE images SET description = ?, display_name = ? WHERE uuid = ?', [
      'a\u001b[2J\u202eb',
      'x\u0007y',
      secret.slice(4),
    ])
    const shown = await vdcManage(['image', 'show', secret], { database })
    expect(shown.stdout).toMatch(/^description: +a\\u001b\[2J\\u202eb$/m)
    const list = await vdcManage(['image', 'list'], { database })
    expect(list.stdout).toContain('x\\u0007y')
  })

  test('reads features in every form that Ruby has written, and tolerates a broken one', async () => {
    const features: Record<string, unknown> = {
      '---\n:virtio: true\n:acpi: true\n': { virtio: true, acpi: true },
      '--- \n:virtio: true\n': { virtio: true },
      '--- {}\n\n': {},
      '': {},
      '--- [\n': null,
    }
    for (const [yaml, value] of Object.entries(features)) {
      await database.query('UPDATE images SET features = ? WHERE uuid = ?', [yaml, own.slice(4)])
      expect((await vdcManageJson(['image', 'show', own], { database })).features).toEqual(value)
    }
    await database.query('UPDATE images SET features = NULL WHERE uuid = ?', [own.slice(4)])
    expect((await vdcManageJson(['image', 'show', own], { database })).features).toEqual({})
  })

  test('image del writes the rows and history of dcmgr.md, removes tags, and keeps labels and object', async () => {
    const id = await add('a-other')
    const now = '2020-01-01 00:00:00'
    for (const uuid of [id, own]) await database.query('INSERT INTO tag_mappings (tag_id, uuid) VALUES (1, ?)', [uuid])
    await database.query(
      "INSERT INTO resource_labels (resource_uuid, name, value_type, string_value, created_at, updated_at) VALUES (?, 'mine', 1, 'x', ?, ?)",
      [id, now, now],
    )
    const before = await vdcManageJson(['image', 'show', id], { database })
    const objects = await database.query('SELECT * FROM backup_objects')
    const [newest] = await database.query('SELECT MAX(id) AS id FROM histories')

    expect(await vdcManage(['image', 'del', id], { database })).toMatchObject({ code: 0, stdout: '', stderr: '' })

    const [row] = await database.query('SELECT * FROM images WHERE uuid = ?', [id.slice(4)])
    const at = String(row?.deleted_at)
    expect(at).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
    expect(row).toMatchObject({ state: 'deleted', deleted_at: at, updated_at: at })
    const histories = await database.query(
      'SELECT uuid, attr, vchar_value, blob_value, created_at FROM histories WHERE id > ? ORDER BY id',
      [Number(newest?.id)],
    )
    const history = (attr: string, vchar_value: string) => ({
      uuid: id,
      attr,
      vchar_value,
      blob_value: null,
      created_at: at,
    })
    expect(histories).toEqual([history('deleted_at', at), history('state', 'deleted'), history('updated_at', at)])
    expect(await database.query('SELECT uuid FROM tag_mappings')).toEqual([{ uuid: own }])
    expect(await database.query('SELECT * FROM backup_objects')).toEqual(objects)
    const after = await vdcManageJson(['image', 'show', id], { database })
    expect(after).toEqual({
      ...before,
      state: 'deleted',
      deleted_at: `${at.replace(' ', 'T')}Z`,
      updated_at: `${at.replace(' ', 'T')}Z`,
    })
    expect(after.labels).toEqual({ mine: 'x' })
    expect(await ids()).not.toContain(id)
  })

  test('image del continues after a failing ID; deleting twice is a conflict', async () => {
    const first = await add('a-other')
    const second = await add('a-other')
    const run = await vdcManage(['image', 'rm', first, 'wmi-none', gone, second], { database })
    expect(run).toMatchObject({ code: 9, stdout: '' })
    expect(run.stderr.match(/^Error: .*$/gm)).toEqual([
      'Error: Image wmi-none does not exist',
      expect.stringMatching(new RegExp(`^Error: Image ${gone} is already deleted`)),
    ])
    expect(await ids()).not.toMatch(new RegExp(`${first}|${second}`))

    const [histories] = await database.query('SELECT COUNT(*) AS n FROM histories')
    expect(await vdcManage(['image', 'delete', first], { database })).toMatchObject({ code: 5, stdout: '' })
    expect(await vdcManage(['image', 'del', 'wmi-none'], { database })).toMatchObject({ code: 4, stdout: '' })
    const ignoring = ['image', 'del', '--ignore-missing', first, 'wmi-none']
    expect(await vdcManage(ignoring, { database })).toMatchObject({ code: 0, stdout: '', stderr: '' })
    const told = await vdcManageJson(ignoring, { database })
    expect(told).toEqual([expect.objectContaining({ id: first }), { id: 'wmi-none', missing: true }])
    expect(await database.query('SELECT COUNT(*) AS n FROM histories')).toEqual([histories])
    expect(await vdcManage(['image', 'del'], { database })).toMatchObject({ code: 2, stdout: '' })
  })

  test('a long table has one layout', async () => {
    const before = (await ids()).split('\n').length - 1
    await database.query(
      `INSERT INTO images (account_id, uuid, created_at, updated_at, arch, file_format, instance_model_name, service_type, display_name, state, volumes, vifs) VALUES ${Array.from({ length: 3000 }, (_, n) => `('a-many', 'many${n}', '2020-01-01 00:00:00', '2020-01-01 00:00:00', 'x86', 'raw', '', 'std', '名前${'x'.repeat(n % 7)}', 'available', '', '')`).join()}`,
    )
    const { stdout } = await vdcManage(['image', 'list'], { database, reject: true })
    expect(stdout.match(/^ID /gm)).toHaveLength(1)
    expect(stdout.split('\n')).toHaveLength(1 + before + 3000 + 1)
    await database.query("DELETE FROM images WHERE account_id = 'a-many'")
  })

  test('IDs can be piped into other commands', async () => {
    await add('a-third', '--display-name', 'to go')
    const run = await shell('vdc-manage image list --account-id a-third --owned --quiet | xargs vdc-manage image del', {
      database,
    })
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await ids('--account-id', 'a-third', '--owned')).toBe('')
  })
})
