import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { TestDatabase } from '../support/databases/databases.ts'
import { type PrivateServer, startServer } from '../support/databases/mariadb.ts'
import { changesBetween } from '../support/databases/row-changes.ts'
import { beginAnew, contentsOf, insert, LONG_AGO, newWakame, type Row } from '../support/databases/wakame.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { ROOT, type Run, type RunOptions, vdcManage, vdcManageJson } from '../support/process/cli.ts'
import { CROWD } from '../support/thorough.ts'

/*
 * Tests on a database that Wakame-vdc 16.1 created and its Ruby programs write to.
 * It works without a migration, and with all rows that those programs leave.
 */

let server: PrivateServer
let database: TestDatabase
beforeAll(async () => {
  server = await startServer()
  database = await newWakame(server.port)
})
afterAll(async () => {
  await database.remove()
  await server.remove()
})
beforeEach(() => beginAnew(database))

function run(words: string[], options: RunOptions): Promise<Run> {
  return vdcManage(words, { database, ...options })
}

/** The warning about images of the shared pool. */
const OF_POOL = /^Warning: Every account can start images of the shared pool, but .*\n/m

/** Runs a command that must succeed and print nothing to stderr but the warning about the shared pool. Returns stdout. */
async function quietly(words: string[], options: RunOptions = {}): Promise<string> {
  const all = await run(words, options)
  const ran = { ...all, stderr: all.stderr.replace(OF_POOL, '') }
  expect({ words, ...ran }).toEqual({ words, code: 0, signal: undefined, stdout: ran.stdout, stderr: '' })
  return ran.stdout
}

/** Runs a command that must fail without writing anything. */
async function refused(words: string[], code: number, message: string | RegExp, options: RunOptions = {}) {
  const before = await contentsOf(database)
  const ran = await run(words, options)
  expect({ words, ...ran }).toMatchObject({ words, code, stdout: '', stderr: expect.stringMatching(/^Error: /) })
  expect(ran.stderr).toMatch(message)
  expect(await contentsOf(database)).toEqual(before)
}

/** Runs a command that must succeed. Returns the rows that it changed. */
async function changesOf(words: string[], stderr: string | RegExp = /^$/) {
  const before = await contentsOf(database)
  const ran = await run(words, {})
  expect({ words, ...ran }).toMatchObject({ words, code: 0 })
  expect(ran.stderr).toMatch(stderr)
  const after = await contentsOf(database)
  expect(after.untouchable).toEqual(before.untouchable)
  return changesBetween(before, after)
}

const image = (row: Row) => insert(database, 'images', row)
const storage = (row: Row = {}) => insert(database, 'backup_storages', { uuid: 'local', ...row })
const object = (row: Row = {}) => insert(database, 'backup_objects', { uuid: 'lucid', ...row })

describe('without db migrate', () => {
  test('db status reports nothing pending, and db migrate changes nothing', async () => {
    const before = await contentsOf(database)
    const status = await vdcManageJson(['db', 'status'], { database })
    expect(status).toMatchObject({ engine: 'mysql', wakame_schema: 23, pending: 0 })
    expect(new Set(status.migrations.map(({ state }: { state: string }) => state))).toEqual(new Set(['present']))
    const text = await quietly(['db', 'status'])
    expect(text).toMatch(/^wakame_schema: +23$/m)
    expect(text).toMatch(/^pending: +0$/m)
    expect(await vdcManage(['db', 'migrate'], { database })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'Nothing to migrate\n',
    })
    expect(await contentsOf(database)).toEqual(before)
  })

  test('every command works, and no table of the Ruby programs changes', async () => {
    const { untouchable } = await contentsOf(database)
    const object = ['--display-name', 'lucid', '--object-key', 'lucid.raw', '--size', '1', '--checksum', '0'.repeat(32)]
    const lines = [
      ['account', 'add', '--uuid', 'a-team'],
      ['account', 'modify', 'a-team', '--description', 'Team'],
      [
        'backupstorage',
        'add',
        '--uuid',
        'x',
        '--display-name',
        'x',
        '--base-uri',
        'file:///x/',
        '--storage-type',
        'local',
      ],
      ['backupstorage', 'modify', 'bkst-x', '--description', 'x'],
      ['backupobject', 'add', '--uuid', 'bo-x', '--storage-id', 'bkst-x', ...object],
      ['backupobject', 'modify', 'bo-x', '--size', '2'],
      ['image', 'add', 'local', 'bo-x', '--uuid', 'wmi-x', '--account-id', 'a-team'],
      ['image', 'add', 'volume', 'bo-x', '--uuid', 'wmi-y', '--account-id', 'a-team'],
      ['image', 'modify', 'wmi-x', '--description', 'x'],
      ['image', 'features', 'wmi-x', '--virtio'],
      ['image', 'label', 'wmi-x', 'os=lucid'],
      ['image', 'protect', 'wmi-x'],
      ['image', 'unprotect', 'wmi-x'],
      ['image', 'history', 'wmi-x'],
      ['image', 'show', 'wmi-x'],
      ['image', 'list', '--label', 'os=lucid'],
      ['backupobject', 'show', 'bo-x'],
      ['backupobject', 'list'],
      ['backupstorage', 'show', 'bkst-x'],
      ['backupstorage', 'list'],
      ['account', 'show', 'a-team'],
      ['account', 'list'],
      ['image', 'del', 'wmi-x', 'wmi-y'],
      ['image', 'undelete', 'wmi-x'],
      ['image', 'del', 'wmi-x'],
      ['registry', 'export'],
      ['backupobject', 'del', 'bo-x'],
      ['backupstorage', 'del', 'bkst-x'],
      ['account', 'del', 'a-team'],
      ['db', 'status'],
    ]
    for (const words of lines)
      expect({ words, ...(await vdcManage(words, { database })) }).toMatchObject({ words, code: 0, stderr: '' })
    // Exits with 9 where the file of an image cannot be read.
    const verified = await vdcManage(['image', 'verify', '--all'], { database })
    expect(verified).toMatchObject({ code: expect.toSatisfy((code) => [0, 9].includes(code)) })
    expect(await vdcManage(['doctor'], { database })).toMatchObject({ stderr: '' })
    for (const [words, code, stderr] of [
      [['image', 'orphans'], 0, ''],
      [['image', 'purge', '--older-than', '1d', '--files', '--yes'], 0, 'Nothing to purge with --older-than 1d\n'],
    ] as const) {
      expect(await vdcManage([...words], { database })).toMatchObject({ code, stderr })
    }
    expect(await quietly([], { input: 'image show wmi-x --json\n' })).toContain('"deleted_at": "')
    expect((await contentsOf(database)).untouchable).toEqual(untouchable)

    const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'))
    const run = (id: string) => lines.some((words) => words.join(':').startsWith(id))
    expect(Object.keys(manifest.commands).filter((id) => !run(id))).toEqual([
      // Does not use the database, like image convert and image inspect.
      'backupstorage:trust',
      'completion',
      'db:migrate',
      'doctor',
      'guest:script',
      // Needs a server.
      'image:add:url',
      'image:build',
      'image:check',
      'image:convert',
      'image:export',
      'image:inspect',
      'image:install',
      'image:orphans',
      'image:prepare',
      'image:purge',
      'image:try',
      'image:verify',
      'metadata:example',
      // Runs until it is ended: test/wakame/metadata.test.ts.
      'metadata:serve',
      'registry:import',
      'shell',
    ])
  })
})

describe('rows written by the Ruby programs', () => {
  test('YAML of older releases, NULL and empty text are read', async () => {
    const forms: [uuid: string, features: string | null, read: object][] = [
      ['older', '--- \n:virtio: true\n', { virtio: true }],
      ['empty', '--- {}\n\n', {}],
      ['null', null, {}],
      ['none', '', {}],
      ['new', '---\n:virtio: true\n:acpi: true\n', { virtio: true, acpi: true }],
    ]
    for (const [uuid, features] of forms) await image({ uuid, features, volumes: '', vifs: '--- []\n\n' })
    for (const [uuid, , features] of forms) {
      const words = ['image', 'show', uuid, '--json']
      expect(JSON.parse(await quietly(words))).toMatchObject({ id: `wmi-${uuid}`, features })
    }
    // Values that are already set are not rewritten in another form.
    for (const words of [
      ['older', '--virtio'],
      ['empty', '--no-virtio'],
      ['null', '--no-acpi'],
      ['none', '--no-acpi'],
    ]) {
      expect(await changesOf(['image', 'features', ...words])).toEqual([])
    }
  })

  test('unreadable YAML causes a warning, and image features replaces it', async () => {
    await image({ uuid: 'broken', features: '--- {:virtio: true\n', display_name: 'a broken one' })
    await image({ uuid: 'text', features: '--- virtio\n' })
    await image({ uuid: 'disks', volumes: '---\n- :size: [\n' })
    await image({ uuid: 'good' })
    const listed = await vdcManage(['image', 'list', '--quiet'], { database })
    expect(listed).toMatchObject({ code: 0, stdout: 'wmi-broken\nwmi-text\nwmi-disks\nwmi-good\n' })
    expect(listed.stderr).toMatch(
      /^(?:Warning: The \w+ of wmi-(?:broken|text|disks) hold YAML that cannot be read: .+\n){3}$/,
    )
    expect(await vdcManageJson(['image', 'list'], { database })).toHaveLength(4)
    for (const [id, column] of [
      ['wmi-broken', 'features'],
      ['wmi-text', 'features'],
      ['wmi-disks', 'volumes'],
    ] as const) {
      const shown = await vdcManage(['image', 'show', id], { database })
      expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`^id: +${id}$`, 'm')) })
      expect(shown.stderr).toMatch(new RegExp(`^Warning: The ${column} of ${id} hold YAML that cannot be read: .+\n$`))
      expect((await vdcManageJson(['image', 'show', id], { database }))[column]).toBe(null)
    }

    // Without an option, the YAML stays.
    const warning = /^Nothing to change: no new values were given\nWarning: The features of wmi-broken hold YAML .*\n$/
    expect(await changesOf(['image', 'features', 'wmi-broken'], warning)).toEqual([])

    for (const id of ['wmi-broken', 'wmi-text']) {
      const changes = await changesOf(['image', 'features', id, '--virtio'], new RegExp(`^Warning: .*${id}.*\n$`))
      expect(changes).toMatchObject([
        { table: 'histories', added: [{ attr: 'features' }, { attr: 'updated_at' }] },
        { table: 'images', changed: [{ new: { features: '---\n:virtio: true\n' } }] },
      ])
      expect(JSON.parse(await quietly(['image', 'show', id, '--json']))).toMatchObject({ features: { virtio: true } })
    }
    // Replaced even if no feature is left.
    await image({ uuid: 'worse', features: '--- {:acpi\n' })
    expect(await changesOf(['image', 'features', 'worse', '--no-acpi'], /^Warning: .*wmi-worse/)).toMatchObject([
      { table: 'histories' },
      { table: 'images', changed: [{ new: { features: '--- {}\n' } }] },
    ])
  })

  test('image features keeps other keys as they are written', async () => {
    const others = 'plain: "q: #"\n:list: [ 1, 2.50, 010 ]\n:yes: yes\n'
    await image({ uuid: 'rich', features: `---\n${others}:acpi: false\n` })
    expect(await changesOf(['image', 'features', 'rich', '--virtio'])).toMatchObject([
      { table: 'histories' },
      { table: 'images', changed: [{ new: { features: `---\n:virtio: true\n:acpi: false\n${others}` } }] },
    ])
    expect((await vdcManageJson(['image', 'show', 'rich'], { database })).features).toMatchObject({
      virtio: true,
      acpi: false,
      yes: true,
    })
  })

  test('an image with unreadable YAML can be changed, and shown along with others', async () => {
    await image({ uuid: 'broken', features: '--- {:virtio: true\n' })
    await image({ uuid: 'good' })
    const shown = await vdcManage(['image', 'show', 'wmi-broken', 'wmi-good', '--json'], { database })
    expect(shown.code).toBe(0)
    expect(JSON.parse(shown.stdout)).toMatchObject([
      { id: 'wmi-broken', features: null },
      { id: 'wmi-good', features: {} },
    ])
    const changes = await changesOf(['image', 'modify', 'wmi-broken', '--description', 'x'], /^Warning: .*wmi-broken/)
    expect(changes).toMatchObject([
      { table: 'histories' },
      { table: 'images', changed: [{ new: { description: 'x' } }] },
    ])
  })

  test('deleted images are shown as deleted, however they were deleted, and cannot be changed', async () => {
    await storage()
    await object()
    const backup_object_id = 'bo-lucid'
    await image({ uuid: 'alive', backup_object_id })
    await image({ uuid: 'deleted', backup_object_id, state: 'deleted', deleted_at: LONG_AGO })
    await image({ uuid: 'stateonly', backup_object_id, state: 'deleted' })
    await image({ uuid: 'timeonly', backup_object_id, deleted_at: LONG_AGO })
    expect(await quietly(['image', 'list', '--quiet'])).toBe('wmi-alive\n')
    expect(await quietly(['image', 'list', '--quiet', '--account-id', 'a-shpoolxx'])).toBe('wmi-alive\n')
    const all = await vdcManageJson(['image', 'list', '--all'], { database })
    expect(all.map(({ id, state }: { id: string; state: string }) => [id, state])).toEqual([
      ['wmi-alive', 'available'],
      ['wmi-deleted', 'deleted'],
      ['wmi-stateonly', 'deleted'],
      ['wmi-timeonly', 'deleted'],
    ])
    for (const id of ['wmi-deleted', 'wmi-stateonly', 'wmi-timeonly']) {
      expect(await quietly(['image', 'show', id])).toContain(id)
      await refused(['image', 'modify', id, '--state', 'available'], 5, new RegExp(`Image ${id} is deleted`))
      await refused(['image', 'features', id, '--virtio'], 5, new RegExp(`Image ${id} is deleted`))
      await refused(['image', 'label', id, 'os=lucid'], 5, new RegExp(`Image ${id} is deleted`))
      await refused(
        ['image', 'add', 'local', 'bo-lucid', '--account-id', 'a-shpoolxx', '--parent-image-id', id],
        3,
        new RegExp(`Parent image ${id} is deleted`),
      )
    }
    const taken = ['image', 'add', 'local', 'bo-lucid', '--account-id', 'a-shpoolxx', '--uuid', 'deleted']
    await refused(taken, 5, /The image ID wmi-deleted is already taken/)
    await refused(['image', 'del', 'wmi-deleted'], 5, /Image wmi-deleted is already deleted/)
    await refused(['image', 'del', 'wmi-timeonly'], 5, /Image wmi-timeonly is already deleted/)
    // The original's `modify --state deleted` sets only the state. image del sets the rest.
    expect(await changesOf(['image', 'del', 'wmi-stateonly'])).toMatchObject([
      { table: 'histories', added: [{ attr: 'deleted_at' }, { attr: 'state' }, { attr: 'updated_at' }] },
      { table: 'images', changed: [{ old: { deleted_at: null } }] },
    ])
  })

  test('backup objects that are deleted or not available cannot be used', async () => {
    await storage()
    await object({ uuid: 'deleted', state: 'deleted', deleted_at: LONG_AGO })
    await object({ uuid: 'purged', state: 'purged', purged_at: LONG_AGO })
    await object({ uuid: 'coming', state: 'creating', progress: 10 })
    await image({ uuid: 'lucid' })
    for (const [id, message] of [
      ['bo-deleted', /Backup object bo-deleted was deleted at/],
      ['bo-purged', /Backup object bo-purged is deleted/],
      ['bo-coming', /Backup object bo-coming is in state creating, not available/],
    ] as const) {
      await refused(['image', 'add', 'volume', id, '--account-id', 'a-shpoolxx'], 5, message)
      await refused(['image', 'modify', 'lucid', '--backup-object-id', id], 5, message)
    }
    await refused(
      ['image', 'add', 'local', 'bo-none', '--account-id', 'a-shpoolxx'],
      4,
      /Backup object bo-none does not exist/,
    )
    await refused(['backupobject', 'modify', 'bo-deleted', '--size', '1'], 5, /bo-deleted was deleted at/)
  })

  test('IDs that differ in case or trailing spaces are different, and IDs may be long', async () => {
    await storage({ uuid: 'LOCAL' })
    await object({ uuid: 'LUCID' })
    const long = 'Ubuntu_14_04_3_ple_'.repeat(14).slice(0, 255 - 'wmi-'.length)
    await image({ uuid: 'ABC', backup_object_id: 'bo-LUCID' })
    await image({ uuid: 'blank ' })
    await image({ uuid: long })
    await image({ uuid: 'other', backup_object_id: 'bo-lucid' })
    await insert(database, 'histories', { uuid: 'wmi-abc', attr: 'state', vchar_value: 'from another time' })
    await insert(database, 'resource_labels', { resource_uuid: 'wmi-abc', name: 'os', string_value: 'natty' })
    await insert(database, 'tag_mappings', { tag_id: 1, uuid: 'wmi-abc' })

    expect(JSON.parse(await quietly(['image', 'show', 'wmi-ABC', '--json']))).toMatchObject({
      id: 'wmi-ABC',
      labels: {},
      backup_object: { id: 'bo-LUCID', backup_storage_id: 'bkst-LOCAL' },
    })
    expect(JSON.parse(await quietly(['image', 'show', 'ABC', '--json']))).toMatchObject({ id: 'wmi-ABC' })
    expect(await vdcManageJson(['image', 'history', 'wmi-ABC'], { database })).toEqual([])
    expect(JSON.parse(await quietly(['image', 'show', long, '--json']))).toMatchObject({ id: `wmi-${long}` })
    const [listed] = (await vdcManageJson(['image', 'list'], { database })).slice(-1)
    expect(listed).toMatchObject({ id: 'wmi-other', virtual_size: null })
    expect(await vdcManageJson(['image', 'show', 'other'], { database })).toMatchObject({ backup_object: null })
    expect(await quietly(['image', 'list', '--label', 'os', '--quiet'])).toBe('')

    for (const id of ['wmi-abc', 'wmi-blank', 'wmi-OTHER']) {
      await refused(['image', 'show', id], 4, new RegExp(`Image ${id} does not exist\n`))
      await refused(['image', 'modify', id, '--description', 'x'], 4, new RegExp(`Image ${id} does not exist\n`))
    }
    // The history of a purged image remains.
    expect(await quietly(['image', 'history', 'abc', '--no-header'])).toContain('from another time')
    for (const verb of [['features', '--virtio'], ['label', 'os=lucid'], ['del']]) {
      const words = ['image', verb[0] as string, 'abc', ...verb.slice(1)]
      await refused(words, 4, /Image wmi-abc does not exist\n/)
    }
    await refused(['image', 'show', 'WMI-ABC'], 3, /'WMI-ABC' is neither the ID nor the display name of an image/)
    await refused(['image', 'show', 'wmi-blank '], 3, /'wmi-blank ' is neither the ID nor the display name of an image/)
    await refused(
      ['image', 'add', 'local', 'bo-lucid', '--account-id', 'a-shpoolxx'],
      4,
      /Backup object bo-lucid does not exist/,
    )
    await refused(
      ['image', 'add', 'local', 'bo-LUCID', '--account-id', 'a-SHPOOLXX'],
      4,
      /Account a-SHPOOLXX does not exist/,
    )
    await refused(['backupobject', 'show', 'bo-lucid'], 4, /Backup object bo-lucid does not exist/)
    await refused(['backupstorage', 'show', 'bkst-local'], 4, /Backup storage bkst-local does not exist/)
    // The unique index ignores case.
    const add = ['image', 'add', 'local', 'bo-LUCID', '--account-id', 'a-shpoolxx', '--uuid']
    await refused([...add, 'wmi-abc'], 5, /The image ID wmi-abc is already taken/)
    await refused([...add, `${long}x`], 3, /too long/)

    const changes = await changesOf(['image', 'del', 'wmi-ABC'])
    expect(changes.map(({ table }) => table)).toEqual(['histories', 'images'])
  })

  test('images whose backup object, storage or owner is gone are shown', async () => {
    await object({ uuid: 'nowhere', backup_storage_id: 77 })
    await image({ uuid: 'noobject', backup_object_id: 'bo-gone' })
    await image({ uuid: 'null', backup_object_id: null })
    await image({ uuid: 'odd', backup_object_id: 'vol-xyz' })
    await image({ uuid: 'nostorage', backup_object_id: 'bo-nowhere', account_id: 'a-ghost' })
    for (const [id, backup_object_id] of [
      ['wmi-noobject', 'bo-gone'],
      ['wmi-null', null],
      ['wmi-odd', 'vol-xyz'],
    ] as const) {
      expect(JSON.parse(await quietly(['image', 'show', id, '--json']))).toMatchObject({
        backup_object_id,
        backup_object: null,
        backup_storage: null,
        virtual_size: null,
      })
      expect(await quietly(['image', 'show', id])).toContain(id)
      expect(await changesOf(['image', 'modify', id, '--description', 'still here'])).toHaveLength(2)
    }
    expect(JSON.parse(await quietly(['image', 'show', 'wmi-nostorage', '--json']))).toMatchObject({
      backup_object: { id: 'bo-nowhere', backup_storage_id: null, uri: null },
      backup_storage: null,
    })
    expect(await quietly(['image', 'show', 'wmi-nostorage'])).toContain('bo-nowhere')
    expect(await quietly(['backupobject', 'show', 'bo-nowhere'])).toContain('bo-nowhere')
    expect(await vdcManageJson(['backupobject', 'list'], { database })).toMatchObject([
      { id: 'bo-nowhere', backup_storage_id: null, uri: null },
    ])
    expect((await quietly(['image', 'list', '--quiet'])).trim().split('\n')).toHaveLength(4)
    expect(await quietly(['image', 'list', '--quiet', '--account-id', 'a-ghost', '--owned'])).toBe('wmi-nostorage\n')
  })

  test('two storages with the same UUID are both listed, and the oldest one not deleted is used', async () => {
    await storage({ id: 1, uuid: 'twice', base_uri: 'file:///deleted/', deleted_at: LONG_AGO })
    await storage({ id: 2, uuid: 'twice', base_uri: 'file:///second/' })
    await storage({ id: 3, uuid: 'twice', base_uri: 'file:///third/' })
    expect(JSON.parse(await quietly(['backupstorage', 'show', 'bkst-twice', '--json']))).toMatchObject({
      id: 'bkst-twice',
      base_uri: 'file:///second/',
    })
    expect(await quietly(['backupstorage', 'list', '--quiet'])).toBe('bkst-twice\n'.repeat(2))
    expect(await vdcManageJson(['backupstorage', 'list', '--all'], { database })).toHaveLength(3)
    const add = ['backupobject', 'add', '--display-name', 'x', '--object-key', 'x', '--size', '1']
    add.push('--checksum', '0'.repeat(32), '--uuid', 'bo-x')
    await quietly([...add, '--storage-id', 'bkst-twice'])
    expect(await database.query("SELECT backup_storage_id AS id FROM backup_objects WHERE uuid = 'x'")).toEqual([
      { id: 2 },
    ])
    await refused(
      [
        'backupstorage',
        'add',
        '--uuid',
        'twice',
        '--display-name',
        'x',
        '--base-uri',
        'file:///x/',
        '--storage-type',
        'local',
      ],
      5,
      /The backup storage ID bkst-twice is already taken/,
    )
    expect(await changesOf(['backupstorage', 'modify', 'bkst-twice', '--node-id', 'n'])).toMatchObject([
      { table: 'backup_storages', changed: [{ id: 2 }] },
    ])
  })

  test('only the given values change: os_type stays windows, and one feature can be cleared', async () => {
    await image({ uuid: 'win', os_type: 'windows', features: '--- \n:virtio: true\n:acpi: true\n' })
    const changes = await changesOf(['image', 'modify', 'wmi-win', '--display-name', 'Windows'])
    expect(changes).toMatchObject([{ table: 'histories' }, { table: 'images' }])
    expect(Object.keys(changes[1]?.changed[0]?.new ?? {}).sort()).toEqual(['display_name', 'updated_at'])
    await changesOf(['image', 'features', 'wmi-win', '--no-virtio'])
    expect(await database.query("SELECT os_type, features FROM images WHERE uuid = 'win'")).toEqual([
      { os_type: 'windows', features: '---\n:acpi: true\n' },
    ])
  })

  test('refuses invalid values that the original stored unchecked', async () => {
    await storage()
    await object()
    await image({ uuid: 'lucid' })
    const add = ['image', 'add', 'local', 'bo-lucid', '--account-id', 'a-shpoolxx']
    for (const [option, value, message] of [
      ['--state', 'bogus', /--state must be one of: .*; not 'bogus'/],
      ['--state', 'deleted', /--state must be one of: .*; not 'deleted'/],
      ['--arch', 'arm', /--arch must be one of: x86, x86_64/],
      ['--os-type', 'bsd', /--os-type must be one of: linux, windows/],
      ['--file-format', 'zip', /--file-format must be one of/],
      ['--parent-image-id', 'wmi-none', /Parent image wmi-none does not exist/],
      ['--display-name', '', /--display-name must not be empty/],
    ] as const) {
      await refused([...add, option, value], 3, message)
      await refused(['image', 'modify', 'wmi-lucid', option, value], 3, message)
    }
    await refused(['image', 'modify', 'wmi-lucid', '--account-id', 'a-none'], 4, /Account a-none does not exist/)
    await refused(['image', 'modify', 'wmi-lucid', '--uuid', 'wmi-new'], 3, /cannot be changed/)
    await refused(['image', 'modify', 'wmi-lucid', '--parent-image-id', 'lucid'], 3, /it would descend from itself/)
    for (const id of ['a-shpoolxx', 'a-00000000']) {
      await refused(['account', 'del', id, '--force'], 5, new RegExp(`System account ${id} cannot be deleted`))
      await refused(['account', 'modify', id, '--disable'], 5, new RegExp(`System account ${id} cannot be disabled`))
    }
  })
})

describe('rows in use', () => {
  test('are not deleted without --force, and the error names what uses them', async () => {
    await storage()
    await object()
    await insert(database, 'accounts', { uuid: 'team' })
    await image({ uuid: 'user', backup_object_id: 'bo-lucid', account_id: 'a-team' })
    await refused(['backupobject', 'del', 'bo-lucid'], 5, /bo-lucid is used by images: wmi-user\n/)
    await refused(['backupstorage', 'del', 'bkst-local'], 5, /bkst-local contains backup objects: bo-lucid\n/)
    await refused(['account', 'del', 'a-team'], 5, /a-team owns images: wmi-user\n/)
    const tables = async (words: string[]) => (await changesOf(words)).map(({ table }) => table)
    expect(await tables(['backupobject', 'del', 'bo-lucid', '--force'])).toEqual(['backup_objects', 'histories'])
    await database.query("UPDATE backup_objects SET state = 'available', deleted_at = NULL")
    expect(await tables(['backupstorage', 'del', 'bkst-local', '--force'])).toEqual(['backup_storages'])
    expect(await tables(['account', 'del', 'a-team', '--force'])).toEqual(['accounts'])
  })
})

describe('dcmgr.conf', () => {
  const folder = newFolder()
  afterAll(() => folder.remove())

  /** Options of a run that finds its database only through CONF_PATH, as on a host of the data centre. */
  function conf(): RunOptions {
    const path = join(folder.path, 'dcmgr.conf')
    const { port, pathname } = new URL(database.uri)
    writeFileSync(
      path,
      `# Made by hand.
database_uri 'mysql2://127.0.0.1:${port}${pathname}?user=root'

service_type("std", "StdServiceType") {
  # backup_storage_id 'bkst-deep'
  image_scheduler :Nop
  backup_storage_id 'bkst-local'
}

service_type('lb', 'LbServiceType') {
  backup_storage_id "bkst-lb"
}

service_type("plain", "StdServiceType") {
}
#service_type("gone", "StdServiceType") {
#}
`,
    )
    return { database: undefined as never, env: { CONF_PATH: path } }
  }
  const inStorage = async (id: string) => {
    const [row] = await database.query(
      "SELECT CONCAT('bkst-', s.uuid) AS storage, object_key FROM backup_objects AS o JOIN backup_storages AS s ON s.id = backup_storage_id WHERE o.uuid = ?",
      [id.trim().slice('bo-'.length)],
    )
    return row
  }
  const object = ['backupobject', 'add', '--display-name', 'x', '--object-key', 'x', '--size', '1', '--checksum']
  object.push('0'.repeat(32))

  test('an unknown service type is stored with a warning, a known one without', async () => {
    const options = conf()
    await storage()
    await insert(database, 'backup_objects', { uuid: 'lucid' })
    const warning = /^Warning: The service type gone is not in dcmgr\.conf, which has: lb, plain, std; .*\n$/
    const add = ['image', 'add', 'local', 'bo-lucid', '--account-id', 'a-shpoolxx', '--is-public', '--uuid', 'wmi-x']
    const added = await vdcManage([...add, '--service-type', 'gone'], options)
    expect(added).toMatchObject({ code: 0, stdout: 'wmi-x\n', stderr: expect.stringMatching(warning) })
    expect(await quietly(['image', 'modify', 'wmi-x', '--service-type', 'lb'], options)).toBe('')
    const modified = await vdcManage(['image', 'modify', 'wmi-x', '--service-type', 'gone'], options)
    expect(modified).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(warning) })
    const stored = await database.query(
      "SELECT vchar_value AS v FROM histories WHERE attr = 'service_type' ORDER BY id",
    )
    expect(stored).toEqual([{ v: 'gone' }, { v: 'lb' }, { v: 'gone' }])
    const made = await vdcManage([...object, '--storage-id', 'local', '--service-type', 'gone'], options)
    expect(made).toMatchObject({ code: 0, stderr: expect.stringMatching(warning) })
    expect(await vdcManage(['backupobject', 'modify', 'lucid', '--service-type', 'gone'], options)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(warning),
    })
    expect(await database.query('SELECT service_type AS v FROM backup_objects')).toEqual([{ v: 'gone' }, { v: 'gone' }])
    await quietly(
      add.map((word) => (word === 'wmi-x' ? 'wmi-y' : word)),
      options,
    )
    // Without dcmgr.conf, service types are not checked.
    await quietly(['image', 'modify', 'wmi-y', '--service-type', 'gone'])
  })

  test('new backup objects go to the storage of their service type', async () => {
    const options = conf()
    await storage()
    await storage({ uuid: 'lb' })
    await storage({ uuid: 'deep' })
    expect(await inStorage(await quietly(object, options))).toMatchObject({ storage: 'bkst-local' })
    expect(await inStorage(await quietly([...object, '--service-type', 'lb'], options))).toMatchObject({
      storage: 'bkst-lb',
    })
    expect(await inStorage(await quietly([...object, '--storage-id', 'bkst-deep'], options))).toMatchObject({
      storage: 'bkst-deep',
    })
    await refused(
      [...object, '--service-type', 'plain'],
      3,
      /--storage-id is missing, .* no storage for plain/,
      options,
    )
    await refused(object, 3, /--storage-id is missing/)
    await database.query("UPDATE backup_storages SET deleted_at = ? WHERE uuid = 'local'", [LONG_AGO])
    await refused(object, 3, /Backup storage bkst-local does not exist/, options)
  })

  test('a file under the storage of its service type goes there, even if another storage is closer', async () => {
    const options = conf()
    const deep = join(folder.path, 'deep')
    mkdirSync(deep, { recursive: true })
    await storage({ base_uri: `file://${folder.path}/` })
    await storage({ uuid: 'deep', base_uri: `file://${deep}/` })
    const add = async (file: string, run: RunOptions) => {
      const path = await makeImage(join(deep, file), { format: 'raw', size: '1M' })
      const words = ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx', '--json']
      return inStorage(JSON.parse(await quietly(words, run)).backup_object_id)
    }
    expect(await add('one.raw', options)).toEqual({ storage: 'bkst-local', object_key: 'deep/one.raw' })
    expect(await add('two.raw', {})).toEqual({ storage: 'bkst-deep', object_key: 'two.raw' })

    const file = await makeImage(join(deep, 'three.raw'), { format: 'raw', size: '1M' })
    expect(await inStorage(await quietly(['backupobject', 'add', '--from-file', file], options))).toEqual({
      storage: 'bkst-local',
      object_key: 'deep/three.raw',
    })

    // A file elsewhere goes to the storage that contains it.
    await database.query("UPDATE backup_storages SET base_uri = 'file:///elsewhere/' WHERE uuid = 'local'")
    expect(await add('four.raw', options)).toEqual({ storage: 'bkst-deep', object_key: 'four.raw' })
  })
})

describe('boundary values', () => {
  const JAPANESE = '日本語のイメージ'
  const object = ['backupobject', 'add', '--storage-id', 'local', '--object-key', 'x', '--checksum', '0'.repeat(32)]
  beforeEach(async () => {
    await storage()
    await insert(database, 'backup_objects', { uuid: 'lucid' })
    await image({ uuid: 'lucid', backup_object_id: 'bo-lucid' })
  })

  test('an emoji is refused if the columns are utf8, and the error names the option and the emoji', async () => {
    const says = (name: string) =>
      new RegExp(`Error: ${name} contains 🐧, which the database cannot store: its character set is utf8`)
    const add = ['image', 'add', 'local', 'bo-lucid', '--account-id', 'a-shpoolxx']
    await refused([...add, '--display-name', 'Tux 🐧'], 3, says('--display-name'))
    await refused([...add, '--description', '🐧'], 3, says('--description'))
    await refused(['image', 'modify', 'lucid', '--display-name', '🐧'], 3, says('--display-name'))
    await refused(['image', 'modify', 'lucid', '--root-device', '🐧'], 3, says('--root-device'))
    await refused(['image', 'label', 'lucid', 'os=🐧'], 3, says('The label os'))
    await refused(['image', 'label', 'lucid', '🐧=os'], 3, says('The name of the label 🐧'))
    await refused([...object, '--size', '1', '--display-name', '🐧'], 3, says('--display-name'))
    await refused(['backupobject', 'modify', 'lucid', '--description', '🐧'], 3, says('--description'))
    const words = [
      'backupstorage',
      'add',
      '--base-uri',
      'file:///x/',
      '--storage-type',
      'local',
      '--display-name',
      '🐧',
    ]
    await refused(words, 3, says('--display-name'))
    await refused(['backupstorage', 'modify', 'local', '--node-id', '🐧'], 3, says('--node-id'))
    await refused(['account', 'add', '--description', '🐧'], 3, says('--description'))
    // Filtering by one is allowed.
    expect(await quietly(['image', 'list', '--quiet', '--label', 'os=🐧'])).toBe('')
  })

  test('Japanese text is stored and shown unchanged', async () => {
    const add = ['image', 'add', 'local', 'bo-lucid', '--account-id', 'a-shpoolxx', '--uuid', 'jp', '--display-name']
    await quietly([...add, JAPANESE])
    expect(
      await database.query("SELECT display_name AS v, HEX(display_name) AS h FROM images WHERE uuid = 'jp'"),
    ).toEqual([{ v: JAPANESE, h: Buffer.from(JAPANESE).toString('hex').toUpperCase() }])
    expect(await quietly(['image', 'list'])).toContain(JAPANESE)
    await quietly(['image', 'label', 'jp', `名前=${JAPANESE}`])
    expect(await quietly(['image', 'list', '--quiet', '--label', `名前=${JAPANESE}`])).toBe('wmi-jp\n')
    expect(await quietly(['image', 'list', '--quiet', '--label', '名前=日本'])).toBe('')
  })

  test('a description of 60,000 characters is stored, and its history has the full text', async () => {
    const long = 'Ubuntu 10.04 64bit. '.repeat(3000)
    expect(long).toHaveLength(60_000)
    const history = (id: string) =>
      database.query("SELECT vchar_value, blob_value FROM histories WHERE uuid = ? AND attr = 'description'", [id])
    const whole = [{ vchar_value: null, blob_value: long }]
    const add = ['image', 'add', 'local', 'bo-lucid', '--account-id', 'a-shpoolxx', '--uuid', 'long', '--description']
    await quietly([...add, long])
    expect(await history('wmi-long')).toEqual(whole)
    await quietly(['image', 'modify', 'lucid', '--description', long])
    expect(await history('wmi-lucid')).toEqual(whole)
    expect(await database.query('SELECT uuid FROM images WHERE description = ? ORDER BY id', [long])).toHaveLength(2)
    await quietly([...object, '--size', '1', '--display-name', 'x', '--uuid', 'long', '--description', long])
    expect(await history('bo-long')).toEqual(whole)
    await quietly(['backupobject', 'modify', 'lucid', '--description', long])
    expect(await history('bo-lucid')).toEqual(whole)
    expect(await database.query('SELECT uuid FROM backup_objects WHERE description = ?', [long])).toHaveLength(2)
    expect((await vdcManageJson(['image', 'show', 'long'], { database })).description).toBe(long)
    const entries = await vdcManageJson(['image', 'history', 'bo-long'], { database })
    expect(entries.find(({ attr }: { attr: string }) => attr === 'description').value).toBe(long)

    await refused(
      ['image', 'modify', 'long', '--description', 'x'.repeat(65_536)],
      3,
      /description must not be longer than 65535 bytes/,
    )
    await refused(
      ['image', 'modify', 'long', '--description', '日'.repeat(21_846)],
      3,
      /description must not be longer than 65535 bytes/,
    )
    await refused(
      ['image', 'modify', 'long', '--display-name', 'x'.repeat(256)],
      3,
      /--display-name must not be longer than 255 characters/,
    )
    // Characters, not bytes.
    expect(await changesOf(['image', 'modify', 'long', '--display-name', '日'.repeat(255)])).toMatchObject([
      { table: 'histories', added: [{ vchar_value: '日'.repeat(255), blob_value: null }, {}] },
      { table: 'images' },
    ])
  })

  test('sizes are never rounded or clamped', async () => {
    const add = (uuid: string, ...more: string[]) => [...object, '--display-name', 'x', '--uuid', uuid, ...more]
    for (const [uuid, size] of [
      ['odd', '9007199254740993'],
      ['most', '9223372036854775807'],
      ['zero', '0'],
    ] as const) {
      await quietly(add(uuid, '--size', size, '--allocation-size', size))
      const texts = await database.query(
        'SELECT CAST(size AS CHAR) AS s, CAST(allocation_size AS CHAR) AS a FROM backup_objects WHERE uuid = ?',
        [uuid],
      )
      expect(texts).toEqual([{ s: size, a: size }])
      const past = await database.query("SELECT vchar_value AS v FROM histories WHERE uuid = ? AND attr = 'size'", [
        `bo-${uuid}`,
      ])
      expect(past).toEqual([{ v: size }])
      // Compared as text, because JSON.parse would round the number.
      expect(await quietly(['backupobject', 'show', `bo-${uuid}`, '--json'])).toMatch(
        new RegExp(`"size": ${size},$`, 'm'),
      )
      expect(await quietly(['backupobject', 'show', `bo-${uuid}`])).toMatch(
        new RegExp(`^size: .*\\b${size} B\\)?$`, 'm'),
      )
      expect(await quietly(['backupobject', 'list', '--json'])).toMatch(new RegExp(`"size": ${size},$`, 'm'))
      await quietly(['image', 'add', 'local', `bo-${uuid}`, '--account-id', 'a-shpoolxx', '--uuid', uuid])
      expect(await quietly(['image', 'show', uuid, '--json'])).toMatch(new RegExp(`"virtual_size": ${size},$`, 'm'))
      expect(await quietly(['image', 'list', '--json'])).toMatch(new RegExp(`"virtual_size": ${size},$`, 'm'))
    }
    for (const size of ['9223372036854775808', '-1', '1.5', '10G', '', '1e3', '0x10']) {
      await refused(add('no', `--size=${size}`), 3, /^Error: --size must be a whole number of bytes/)
      const modify = ['backupobject', 'modify', 'lucid', `--allocation-size=${size}`]
      await refused(modify, 3, /^Error: --allocation-size must be a whole number of bytes/)
    }
    await refused(add('no', '--size', '-1'), 3, /--size must be a whole number of bytes/)
  })

  test('past sizes are not rounded either', async () => {
    const size = '9007199254740993'
    const created = '2020-01-01 00:00:00'
    await insert(database, 'backup_objects', { uuid: 'past', size: 5 })
    await insert(database, 'histories', { uuid: 'bo-past', attr: 'size', vchar_value: size, created_at: created })
    await insert(database, 'histories', {
      uuid: 'bo-past',
      attr: 'size',
      vchar_value: '5',
      created_at: '2021-01-01 00:00:00',
    })
    const then = await quietly(['image', 'history', 'bo-past', '--at', '2020-06-01', '--json'])
    expect(then).toMatch(new RegExp(`"size": ${size},$`, 'm'))
    // A history that starts later does not tell the size at an earlier time.
    await refused(
      ['image', 'history', 'bo-past', '--at', '2019-06-01'],
      4,
      /its history begins at 2020-01-01T00:00:00Z/,
    )
  })
})

test('of many processes that add the same storage ID at once, only one succeeds', async () => {
  const words = ['backupstorage', 'add', '--uuid', 'bkst-x', '--display-name', 'x', '--base-uri', 'file:///x/']
  words.push('--storage-type', 'local')
  const { untouchable } = await contentsOf(database)
  const runs = await Promise.all(Array.from({ length: CROWD }, () => vdcManage(words, { database, process: true })))
  expect(runs.filter(({ code }) => code === 0)).toEqual([
    { code: 0, signal: undefined, stdout: 'bkst-x\n', stderr: '' },
  ])
  const others = runs.filter(({ code }) => code !== 0)
  expect(others).toHaveLength(CROWD - 1)
  for (const run of others) {
    expect(run).toMatchObject({
      code: 5,
      stdout: '',
      stderr: expect.stringContaining('Error: The backup storage ID bkst-x is already taken\n'),
    })
  }
  expect(await database.query('SELECT uuid FROM backup_storages')).toEqual([{ uuid: 'x' }])
  expect(await database.query('SELECT resource_uuid FROM resource_labels')).toEqual([{ resource_uuid: 'bkst-x' }])
  expect((await contentsOf(database)).untouchable).toEqual(untouchable)
})
