import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { migrations } from '../../migrations/index.ts'
import { allOf } from '../../src/cli/session/stdin-ids.ts'
import { type DatabaseSettings, parseDatabaseUri } from '../../src/config/config.ts'
import { addAccount } from '../../src/registry/account/add.ts'
import { deleteAccounts } from '../../src/registry/account/delete.ts'
import { listAccounts } from '../../src/registry/account/list.ts'
import { modifyAccounts } from '../../src/registry/account/modify.ts'
import { addObject } from '../../src/registry/backup-object/add.ts'
import { addFileObject } from '../../src/registry/backup-object/add-file.ts'
import { deleteObjects } from '../../src/registry/backup-object/delete.ts'
import { modifyObjects } from '../../src/registry/backup-object/modify.ts'
import { addStorage } from '../../src/registry/backup-storage/add.ts'
import { deleteStorage } from '../../src/registry/backup-storage/delete.ts'
import { modifyStorage } from '../../src/registry/backup-storage/modify.ts'
import type { Change, RowChange } from '../../src/registry/change.ts'
import { withDryRun } from '../../src/registry/dry-run.ts'
import { deleteImages } from '../../src/registry/image/change/delete.ts'
import { setFeatures } from '../../src/registry/image/change/features.ts'
import { labelImages } from '../../src/registry/image/change/label.ts'
import { modifyImages } from '../../src/registry/image/change/modify.ts'
import { convertFile, tryConvertFile } from '../../src/registry/image/register/convert-file.ts'
import { registerLocal } from '../../src/registry/image/register/register-local.ts'
import { registerObject } from '../../src/registry/image/register/register-object.ts'
import { openRegistry } from '../../src/registry/open.ts'
import { type Registry, withAllTogether, withoutTransactions } from '../../src/registry/registry.ts'
import { migrateDatabase } from '../../src/registry/schema.ts'
import { ENGINES, newDatabase, newMariadb, newSqlite, type TestDatabase } from '../support/databases/databases.ts'
import { changesBetween } from '../support/databases/row-changes.ts'
import { type Contents, contentsOf, insert, type Row } from '../support/databases/wakame.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { onlyOne } from '../support/outcomes.ts'
import { newWatcher } from '../support/process/watcher.ts'

/*
 * A dry run reports exactly the rows that the same operation then writes, and
 * changes neither the database nor files.
 */

const watcher = newWatcher()
const folder = newFolder()
afterAll(() => folder.remove())
const at = (...names: string[]) => join(folder.path, ...names)
const LONG = 'Ubuntu 10.04 64bit. '.repeat(15)

/** Operations that write to the registry. They run in this order, on one database. */
const OPERATIONS: Readonly<Record<string, (registry: Registry) => Promise<unknown>>> = {
  'account add': (r) => addAccount(r, { uuid: 'team', description: 'Team 日本語' }),
  'account add, with a generated ID': (r) => addAccount(r, {}),
  'account modify': (r) => onlyOne(modifyAccounts(r, ['a-team'], { description: null, enabled: false })),
  'account modify, nothing': (r) => onlyOne(modifyAccounts(r, ['a-team'], { enabled: false })),
  'account modify, enabled again': (r) => onlyOne(modifyAccounts(r, ['a-team'], { enabled: true })),
  'backupstorage add': (r) =>
    addStorage(r, { uuid: 'dav', display_name: 'dav', base_uri: 'http://dav.example/', storage_type: 'webdav' }),
  'backupstorage modify': (r) => modifyStorage(r, 'bkst-dav', { node_id: 'n1', description: LONG }),
  'backupobject add': (r) =>
    addObject(r, {
      ...{ uuid: 'big', storage_id: 'dav', display_name: 'big', object_key: 'big.raw', checksum: 'f'.repeat(32) },
      ...{ size: '9007199254740991', description: LONG },
    }),
  'backupobject modify': (r) => onlyOne(modifyObjects(r, ['bo-big'], { size: '9007199254740990', state: 'pending' })),
  'backupobject add of a file': (r) => addFileObject(r, { path: at('objects', 'disk.qcow2') }, watcher),
  'backupobject del': (r) => onlyOne(deleteObjects(r, ['bo-big'], { force: false })),
  'image add local': (r) =>
    registerLocal(
      r,
      at('images', 'disk.qcow2'),
      { account_id: 'a-new', create_account: true, uuid: 'disk', description: LONG },
      watcher,
    ),
  'image add local, of a registered file': (r) =>
    registerLocal(r, at('images', 'disk.qcow2'), { account_id: 'a-team', parent_image_id: 'disk' }, watcher),
  'image add volume': (r) => registerObject(r, 'volume', { account_id: 'a-team', backup_object_id: 'bo-lucid' }),
  'image modify': (r) =>
    onlyOne(
      modifyImages(
        r,
        ['wmi-disk'],
        { account_id: 'a-team', display_name: '日本語', is_public: true },
        { force: false },
      ),
    ),
  'image features': (r) => onlyOne(setFeatures(r, ['wmi-disk'], { virtio: true }, { force: false })),
  'image label': (r) => onlyOne(labelImages(r, ['wmi-lucid'], [`owner=${LONG}`, 'new=1'], { force: false })),
  'image label, removed': (r) => onlyOne(labelImages(r, ['wmi-lucid'], ['owner-', 'new=2'], { force: false })),
  'image del': (r) => onlyOne(deleteImages(r, ['wmi-lucid'], { ignoreMissing: false, force: false })),
  'image del, of none': (r) => onlyOne(deleteImages(r, ['wmi-none'], { ignoreMissing: true, force: false })),
  'backupstorage del': (r) => deleteStorage(r, 'bkst-dav', { force: false }),
  'account del': (r) => onlyOne(deleteAccounts(r, ['a-team'], { force: true })),
}

/** The rows before the first operation. */
const BEFORE: readonly [table: string, row: Row][] = [
  ['backup_storages', { id: 1, uuid: 'local' }],
  ['backup_objects', { id: 1, uuid: 'lucid', display_name: 'lucid' }],
  ['images', { id: 1, uuid: 'lucid', backup_object_id: 'bo-lucid' }],
  ['resource_labels', { id: 1, resource_uuid: 'wmi-lucid', name: 'owner', string_value: 'lucid' }],
  ['tags', { id: 1, uuid: 'tag', name: 'images' }],
  ['tag_mappings', { id: 1, tag_id: 1, uuid: 'wmi-lucid' }],
  ['tag_mappings', { id: 2, tag_id: 1, uuid: 'wmi-lucid', sort_index: 1 }],
  ['tag_mappings', { id: 3, tag_id: 1, uuid: 'a-team' }],
]

/** Opens a registry that generates the same IDs as any other opened with this function. */
function open(uri: string): Promise<Registry> {
  let made = 0
  return openRegistry(parseDatabaseUri(uri, 'the test'), { generateUuid: () => `made${++made}` })
}

/** Runs `work` as a dry run. Returns the changes that it would make. */
async function changesOf(registry: Registry, work: (registry: Registry) => Promise<unknown>): Promise<Change[]> {
  const changes: Change[] = []
  await work(withDryRun(registry, (change) => changes.push(change)))
  return changes
}

const inserted = (changes: readonly Change[], table: string) =>
  changes.flatMap((change) => (change.action === 'insert' && change.table === table ? [change.row] : []))

/** Returns all files below a folder, with their sizes and times of change. */
function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => `${file} ${statSync(file).size} ${statSync(file).mtimeMs}`)
    .sort()
}

/** A change that was reported or made, in a common form. */
interface Written {
  action: string
  table: string
  row: object
  old: object | null
}

/**
 * Returns one line per row, sorted. Leaves out what differs between runs: the integer IDs of new
 * rows and of new storages.
 */
function lines(rows: readonly Written[], knownStorages: readonly string[]): string[] {
  const text = (row: object | null) =>
    row && Object.entries(row).map(([column, value]) => [column, value === null ? null : String(value)])
  const isNewStorage = (column: string, value: unknown, attr: unknown) =>
    (column === 'backup_storage_id' || (attr === 'backup_storage_id' && column === 'vchar_value')) &&
    !knownStorages.includes(String(value))
  return rows
    .map(({ action, table, row, old }) => {
      const attr = 'attr' in row ? row.attr : undefined
      const columns = Object.entries(row)
        .filter(([column]) => column !== 'id' || action !== 'insert')
        .map(([column, value]) => [column, isNewStorage(column, value, attr) ? 'new' : value])
      return JSON.stringify([action, table, text(Object.fromEntries(columns)), text(old)])
    })
    .sort()
}

/** Returns what was written between two states of a database. */
function writtenBetween(before: Contents, after: Contents): Written[] {
  return changesBetween(before, after).flatMap(({ table, added, removed, changed }) => [
    ...added.map((row) => ({ action: 'insert', table, row, old: null })),
    ...removed.map((row) => ({ action: 'delete', table, row, old: null })),
    ...changed.map(({ id, old }) => {
      const row = after.rows[table]?.find((row) => row.id === id) as Row
      return { action: 'update', table, row, old }
    }),
  ])
}

/** Returns a row with null for values that are unknown until its file exists. */
function asBeforeItIsMade(row: object): object {
  const unknown = ['size', 'allocation_size', 'checksum', 'vdc-manage.md5', 'vdc-manage.sha256']
  const { attr, name } = row as Row
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      const isUnknown =
        unknown.includes(column) ||
        (column === 'vchar_value' && unknown.includes(String(attr))) ||
        (column === 'string_value' && unknown.includes(String(name)))
      return [column, isUnknown ? null : value]
    }),
  )
}

beforeAll(async () => {
  for (const name of ['images', 'objects', 'convert', ...ENGINES]) {
    mkdirSync(at(name))
    await makeImage(at(name, 'disk.qcow2'), { size: '4M' })
  }
})
// The dry run and the real one must have the same time.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-02T03:04:05Z') }))
afterEach(() => void vi.useRealTimers())

describe.each(ENGINES)('a dry run on %s', (engine) => {
  let database: TestDatabase
  let registry: Registry
  beforeAll(async () => {
    database = await newDatabase(engine)
    for (const [table, row] of BEFORE) await insert(database, table, row)
    registry = await open(database.uri)
  })
  afterAll(async () => {
    await registry.close()
    await database.remove()
  })

  test.each(Object.keys(OPERATIONS))('%s: reports its rows, and writes none', async (name) => {
    const operation = OPERATIONS[name] as (typeof OPERATIONS)[string]
    const before = await contentsOf(database)
    const files = filesBelow(folder.path)
    const dry = await open(database.uri)
    const changes = (await changesOf(dry, operation)) as RowChange[]
    await dry.close()
    expect(await contentsOf(database)).toEqual(before)
    expect(filesBelow(folder.path)).toEqual(files)

    const real = await open(database.uri)
    await operation(real)
    await real.close()
    const after = await contentsOf(database)
    const storages = (before.rows.backup_storages ?? []).map(({ id }) => String(id))
    expect(lines(changes, storages)).toEqual(lines(writtenBetween(before, after), storages))
    for (const { id } of changes) expect(id).toMatch(/^(a|wmi|bo|bkst)-[a-z0-9]+$/)
    expect(changes.length === 0).toBe(/nothing|of none/.test(name))
  })

  test('reports whole rows, the old values of changed columns, and IDs instead of integers', async () => {
    const [update, ...more] = await changesOf(registry, (dry) =>
      onlyOne(modifyImages(dry, ['wmi-disk'], { arch: 'x86' }, { force: false })),
    )
    expect(update).toMatchObject({
      action: 'update',
      table: 'images',
      id: 'wmi-disk',
      row: { uuid: 'disk', arch: 'x86', display_name: '日本語', features: '---\n:virtio: true\n' },
      old: { arch: 'x86_64' },
    })
    expect(more).toMatchObject([
      { action: 'insert', table: 'histories', id: 'wmi-disk', row: { attr: 'arch', vchar_value: 'x86' }, old: null },
      { action: 'insert', table: 'histories', id: 'wmi-disk', row: { attr: 'updated_at' }, old: null },
    ])
    expect(more.every((change) => !('id' in (change as RowChange).row))).toBe(true)
    const [object] = inserted(
      await changesOf(registry, (dry) =>
        addObject(dry, {
          storage_id: 'local',
          display_name: 'x',
          object_key: 'x',
          checksum: '0'.repeat(32),
          size: '9223372036854775807',
        }),
      ),
      'backup_objects',
    )
    expect(object).toMatchObject({ size: 9223372036854775807n, allocation_size: 9223372036854775807n, progress: 100 })
  })

  test('fails like the real run, and then reports nothing', async () => {
    const before = await contentsOf(database)
    const changes: Change[] = []
    const dry = withDryRun(registry, (change) => changes.push(change))
    await expect(addAccount(dry, { uuid: 'shpoolxx' })).rejects.toMatchObject({ code: 'ID_TAKEN' })
    await expect(
      onlyOne(deleteImages(dry, ['wmi-lucid'], { ignoreMissing: false, force: false })),
    ).rejects.toMatchObject({
      code: 'IMAGE_DELETED',
    })
    expect(changes).toEqual([])
    expect(await contentsOf(database)).toEqual(before)
  })

  test('writes and reports nothing when interrupted', async () => {
    const before = await contentsOf(database)
    const { knex, interruption } = registry.database
    const request = ({ sql }: { sql: string }) => /^insert/i.test(sql) && interruption.request()
    knex.client.on('query', request)
    const changes = changesOf(registry, (dry) => addAccount(dry, {})).finally(() =>
      knex.client.removeListener('query', request),
    )
    await expect(changes).rejects.toMatchObject({ code: 'INTERRUPTED' })
    interruption.reset()
    expect(await contentsOf(database)).toEqual(before)
    await addAccount(registry, { uuid: `after${engine}` })
  })

  test('within a larger transaction, sees earlier changes and rolls back only its own', async () => {
    const changes: Change[] = []
    await withAllTogether(
      registry,
      async (together) => {
        await addAccount(together, { uuid: 'first' })
        const dry = withDryRun(together, (change) => changes.push(change))
        await onlyOne(modifyAccounts(dry, ['a-first'], { description: 'changed' }))
        await addAccount(dry, { uuid: 'second' })
        await addAccount(together, { uuid: 'third' })
      },
      { once: false },
    )
    expect(changes).toMatchObject([
      { action: 'update', id: 'a-first', old: { description: null } },
      { action: 'insert', id: 'a-second' },
    ])
    const accounts = (await allOf(listAccounts(registry, { all: true }))).flat()
    expect(accounts.filter(({ id }) => /first|second|third/.test(id))).toMatchObject([
      { id: 'a-first', description: null },
      { id: 'a-third' },
    ])
  })

  test('of several operations in one transaction, lets each see earlier changes, and reports no failed one', async () => {
    const before = await contentsOf(database)
    const changes = await changesOf(registry, (dry) =>
      withAllTogether(
        dry,
        async (together) => {
          await addAccount(together, { uuid: 'one' })
          await expect(addAccount(together, { uuid: 'one' })).rejects.toMatchObject({ code: 'ID_TAKEN' })
          await onlyOne(modifyAccounts(together, ['a-one'], { description: 'changed' }))
        },
        { once: true },
      ),
    )
    expect(changes).toMatchObject([
      { action: 'insert', id: 'a-one' },
      { action: 'update', id: 'a-one', row: { description: 'changed' }, old: { description: null } },
    ])
    expect(await contentsOf(database)).toEqual(before)
  })

  test('writes nothing either if each statement is committed separately', async () => {
    const before = await contentsOf(database)
    const add = (dry: Registry) => addAccount(dry, { uuid: 'never' })
    expect(await changesOf(withoutTransactions(registry), add)).toHaveLength(1)
    expect(await changesOf(registry, (dry) => add(withoutTransactions(dry)))).toHaveLength(1)
    expect(await contentsOf(database)).toEqual(before)
  })

  test('with a conversion, reports the file without creating it, and null for values that depend on it', async () => {
    const before = await contentsOf(database)
    const files = filesBelow(folder.path)
    const add = (r: Registry) =>
      registerLocal(r, at(engine, 'disk.qcow2'), { account_id: 'a-shpoolxx', convert: 'vmdk', uuid: 'made' }, watcher)
    const [file, ...rows] = await changesOf(registry, add)
    expect(file).toEqual({ action: 'create', path: at(engine, 'disk.vmdk'), file_format: 'vmdk' })
    expect(await contentsOf(database)).toEqual(before)
    expect(filesBelow(folder.path)).toEqual(files)
    expect(inserted(rows, 'backup_objects')).toMatchObject([
      { checksum: null, size: null, allocation_size: null, object_key: 'disk.vmdk' },
    ])
    expect(inserted(rows, 'images')).toMatchObject([{ uuid: 'made', file_format: 'vmdk', display_name: 'disk' }])

    await add(registry)
    const after = await contentsOf(database)
    const storages = (before.rows.backup_storages ?? []).map(({ id }) => String(id))
    const made = writtenBetween(before, after).map((written) => ({ ...written, row: asBeforeItIsMade(written.row) }))
    expect(lines(rows as RowChange[], storages)).toEqual(lines(made, storages))
    // The file now exists.
    await expect(changesOf(registry, add)).rejects.toMatchObject({ code: 'FILE_EXISTS' })
  })
})

test('a dry run is retried after a deadlock, and reports its rows once', async () => {
  const database = await newDatabase('mariadb')
  await database.query('CREATE TABLE attempts (id int NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=MyISAM')
  await database.query(
    `CREATE TRIGGER fail_twice BEFORE INSERT ON images FOR EACH ROW BEGIN INSERT INTO attempts VALUES (NULL); IF (SELECT COUNT(*) FROM attempts) <= 2 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'; END IF; END`,
  )
  const before = await contentsOf(database)
  const registry = await open(database.uri)
  const changes = await changesOf(registry, (dry) =>
    registerLocal(dry, at('images', 'disk.qcow2'), { account_id: 'a-shpoolxx' }, watcher),
  )
  expect(await database.query('SELECT COUNT(*) AS n FROM attempts')).toEqual([{ n: 3 }])
  expect(inserted(changes, 'images')).toHaveLength(1)
  expect(inserted(changes, 'backup_objects')).toHaveLength(1)
  expect((await contentsOf(database)).rows).toEqual(before.rows)
  await registry.close()
  await database.remove()
})

describe('a dry run that opens', () => {
  const openDry = (settings: DatabaseSettings, anySchema = false) =>
    openRegistry(settings, {
      dryRun: { onChange: () => {}, anySchema },
      onCreated: () => expect.unreachable('nothing is created'),
    })
  const pendingIn = async (settings: DatabaseSettings, unlock = false) => {
    const registry = await openDry(settings, true)
    return migrateDatabase(registry, { unlock }).finally(() => registry.close())
  }
  const settingsOf = ({ uri }: TestDatabase) => parseDatabaseUri(uri, 'the test')

  test('MariaDB reports pending migrations, runs none, and neither takes nor releases the lock', async () => {
    const database = await newMariadb()
    const settings = settingsOf(database)
    expect(await pendingIn(settings)).toHaveLength(migrations.size)
    expect(await database.query('SHOW TABLES')).toEqual([])
    const registry = await openRegistry(settings)
    await migrateDatabase(registry, { unlock: false })
    await registry.close()
    expect(await pendingIn(settings)).toEqual([])
    await database.query('DROP TABLE tag_mappings')
    await database.query("DELETE FROM vdc_manage_migrations WHERE name >= '007'")
    const before = await database.query('SHOW TABLES')
    expect(await pendingIn(settings)).toEqual(['007_tags'])
    await database.query('UPDATE vdc_manage_migrations_lock SET is_locked = 1')
    await expect(pendingIn(settings)).rejects.toMatchObject({ code: 'MIGRATION_LOCKED' })
    expect(await pendingIn(settings, true)).toEqual(['007_tags'])
    expect(await database.query('SELECT is_locked FROM vdc_manage_migrations_lock')).toEqual([{ is_locked: 1 }])
    expect(await database.query('SHOW TABLES')).toEqual(before)
    await database.remove()
  })

  test('a missing SQLite file does not create it', async () => {
    const path = at('none', 'deep', 'registry.sqlite')
    const settings: DatabaseSettings = { engine: 'sqlite', path, embedded: true }
    const registry = await openDry(settings)
    expect(await changesOf(registry, (dry) => addAccount(dry, { uuid: 'new' }))).toMatchObject([
      { action: 'insert', table: 'accounts', id: 'a-new' },
    ])
    expect((await allOf(listAccounts(registry, { all: true }))).flat()).toHaveLength(2)
    await registry.close()
    expect(await pendingIn(settings)).toHaveLength(migrations.size)
    expect(readdirSync(folder.path)).not.toContain('none')
    // Files that could not be created are refused as in a real run.
    await expect(openDry({ ...settings, embedded: false })).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    const below = join(at('images', 'disk.qcow2'), 'registry.sqlite')
    for (const embedded of [true, false])
      await expect(openDry({ engine: 'sqlite', path: below, embedded })).rejects.toMatchObject({
        code: 'DATABASE_UNREACHABLE',
      })
  })

  test('an SQLite file of an older release fails, and does not migrate it', async () => {
    const database = newSqlite()
    const settings = settingsOf(database)
    await (await openRegistry(settings)).close()
    await database.query('DROP TABLE tag_mappings')
    await database.query("DELETE FROM vdc_manage_migrations WHERE name IN ('007_tags', '008_system_accounts')")
    await database.query('PRAGMA user_version = 6')
    const before = await contentsOfFile(database)
    await expect(openDry(settings)).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: expect.stringContaining(`must be migrated from schema 6 to ${migrations.size}, `),
      hint: 'Run: vdc-manage db migrate',
    })
    expect(await pendingIn(settings)).toEqual(['007_tags'])
    expect(await contentsOfFile(database)).toEqual(before)
    await database.remove()
  })

  const contentsOfFile = async (database: TestDatabase) => [
    await database.query('SELECT * FROM sqlite_master ORDER BY name'),
    await database.query('SELECT * FROM vdc_manage_migrations'),
    await database.query('PRAGMA user_version'),
  ]
})

test('a dry run of a conversion reports the file without creating it, and fails like the real run', async () => {
  const path = at('convert', 'disk.qcow2')
  const out = at('convert', 'out.vdi')
  const files = filesBelow(folder.path)
  const tryIt = (request: object) => tryConvertFile({ path, out, to: 'vdi', ...request }, watcher, () => {})
  expect(await tryIt({})).toEqual({ action: 'create', path: out, file_format: 'vdi' })
  await expect(tryIt({ file_format: 'raw' })).rejects.toMatchObject({ code: 'FILE_REFUSED' })
  await expect(tryIt({ compress: true })).rejects.toMatchObject({ code: 'VALUE_REFUSED' })
  await expect(tryIt({ out: path, to: 'qcow2' })).rejects.toMatchObject({ code: 'FILE_EXISTS' })
  await expect(tryIt({ out: at('nowhere', 'out.vdi') })).rejects.toMatchObject({ code: 'FILE_NOT_WRITTEN' })
  expect(filesBelow(folder.path)).toEqual(files)
  await convertFile({ path, out, to: 'vdi' }, watcher, () => {})
  await expect(tryIt({})).rejects.toMatchObject({ code: 'FILE_EXISTS' })
})
