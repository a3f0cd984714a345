import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseDatabaseUri } from '../../src/config/config.ts'
import { deleteAccounts } from '../../src/registry/account/delete.ts'
import { modifyAccounts } from '../../src/registry/account/modify.ts'
import { deleteObjects } from '../../src/registry/backup-object/delete.ts'
import { showObjects } from '../../src/registry/backup-object/details.ts'
import { modifyObjects } from '../../src/registry/backup-object/modify.ts'
import type { Outcome } from '../../src/registry/batch/batches.ts'
import { deleteImages } from '../../src/registry/image/change/delete.ts'
import { setFeatures } from '../../src/registry/image/change/features.ts'
import { labelImages } from '../../src/registry/image/change/label.ts'
import { modifyImages } from '../../src/registry/image/change/modify.ts'
import { protectImages, unprotectImages } from '../../src/registry/image/change/protect.ts'
import { undeleteImages } from '../../src/registry/image/change/undelete.ts'
import { showImages } from '../../src/registry/image/details.ts'
import { openRegistry } from '../../src/registry/open.ts'
import { type Registry, withAllTogether, withoutTransactions } from '../../src/registry/registry.ts'
import {
  allRows,
  ENGINES,
  type Engine,
  newDatabase,
  type Row,
  type TestDatabase,
} from '../support/databases/databases.ts'
import { runLines } from '../support/process/cli.ts'

/*
 * A batch of IDs in one transaction gives the same results, warnings and rows as
 * one command per ID.
 */

const IMAGES = 42
const MD5 = '0123456789abcdef0123456789abcdef'

type Operation = (registry: Registry, ids: readonly string[]) => AsyncIterable<Outcome<object>>

const forced = { force: true }
const unforced = { force: false }

/** Operations on all image IDs. They run in this order, on one database. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  show: (r, ids) => showImages(r, ids),
  label: (r, ids) => labelImages(r, ids, ['a=b', 'long='.padEnd(400, 'x')], unforced),
  'label, changed and removed': (r, ids) => labelImages(r, ids, ['a=c', 'long-', 'none-'], unforced),
  'label, a name that some images have in another case': (r, ids) =>
    labelImages(r, ids, ['OWNER=1', 'new=2'], unforced),
  'label, a reserved name': (r, ids) => labelImages(r, ids, ['vdc-manage.x=1'], unforced),
  features: (r, ids) => setFeatures(r, ids, { virtio: true, acpi: false }, unforced),
  'features, none given': (r, ids) => setFeatures(r, ids, {}, unforced),
  protect: (r, ids) => protectImages(r, ids.slice(0, 28)),
  'modify, some images protected': (r, ids) => modifyImages(r, ids, { description: 'patched' }, unforced),
  'modify, a format that some backup objects do not have': (r, ids) =>
    modifyImages(r, ids, { file_format: 'qcow2', root_device: 'sda', is_public: true }, forced),
  'modify, another owner': (r, ids) => modifyImages(r, ids, { account_id: 'a-team', is_public: false }, forced),
  'modify, a disabled owner': (r, ids) => modifyImages(r, ids, { account_id: 'a-off' }, forced),
  'modify, a missing owner': (r, ids) => modifyImages(r, ids, { account_id: 'nobody' }, forced),
  'modify, a parent that descends from some of the images': (r, ids) =>
    modifyImages(r, ids, { parent_image_id: 'i7' }, forced),
  'modify, a missing backup object': (r, ids) => modifyImages(r, ids, { backup_object_id: 'bo-none' }, forced),
  'modify, another backup object': (r, ids) => modifyImages(r, ids, { backup_object_id: 'bo-old' }, forced),
  'modify, the ID': (r, ids) => modifyImages(r, ids, { uuid: 'i1' }, forced),
  'modify, an invalid value': (r, ids) => modifyImages(r, ids, { display_name: '' }, forced),
  delete: (r, ids) => deleteImages(r, ids, { ignoreMissing: false, force: false }),
  'delete, with --ignore-missing and --force': (r, ids) => deleteImages(r, ids, { ignoreMissing: true, force: true }),
  undelete: (r, ids) => undeleteImages(r, ids, {}),
  'undelete, with a state': (r, ids) => undeleteImages(r, ids, { state: 'pending' }),
  unprotect: (r, ids) => unprotectImages(r, ids),
  'show again': (r, ids) => showImages(r, ids),
}

/** Operations on `OBJECTS`, after those on images. */
const OBJECT_OPERATIONS: Readonly<Record<string, Operation>> = {
  show: (r, ids) => showObjects(r, ids),
  modify: (r, ids) => modifyObjects(r, ids, { description: 'all', progress: '50', service_type: 'other' }),
  'modify, key and storage': (r, ids) => modifyObjects(r, ids, { object_key: 'elsewhere', storage_id: 'bkst-s' }),
  'modify, a missing storage': (r, ids) => modifyObjects(r, ids, { storage_id: 'bkst-none' }),
  'modify, a disabled owner': (r, ids) => modifyObjects(r, ids, { account_id: 'a-off' }),
  'modify, checksum and key': (r, ids) => modifyObjects(r, ids, { checksum: 'f'.repeat(32), object_key: 'here' }),
  'modify, state': (r, ids) => modifyObjects(r, ids, { state: 'pending' }),
  'modify, an invalid value': (r, ids) => modifyObjects(r, ids, { checksum: 'x' }),
  delete: (r, ids) => deleteObjects(r, ids, unforced),
  'delete, with --force': (r, ids) => deleteObjects(r, ids, forced),
}
const OBJECTS = ['bo-old', 'new', 'bo-none', 'bo-gone', 'no id', 'bo-raw', 'bo-OLD', 'bo-idle', 'bo-lone', 'bo-idle']

const ACCOUNT_OPERATIONS: Readonly<Record<string, Operation>> = {
  modify: (r, ids) => modifyAccounts(r, ids, { description: 'all' }),
  'modify, disabled': (r, ids) => modifyAccounts(r, ids, { enabled: false }),
  'modify, enabled again': (r, ids) => modifyAccounts(r, ids, { enabled: true, description: 'all' }),
  delete: (r, ids) => deleteAccounts(r, ids, unforced),
  'delete, with --force': (r, ids) => deleteAccounts(r, ids, forced),
}
const ACCOUNTS = ['a-team', 'off', 'a-gone', 'a-none', 'no id', 'a-shpoolxx', 'a-TEAM', 'a-idle', 'a-team']

/** Returns IDs of images in all states, duplicates, IDs in another case, and IDs that are missing or invalid. */
function idsToTry(): string[] {
  const ids = Array.from({ length: IMAGES }, (_, index) => (index % 3 === 0 ? `i${index}` : `wmi-i${index}`))
  // An order that differs from that of the tables.
  ids.sort((a, b) => (a.at(-1) as string).localeCompare(b.at(-1) as string) || a.length - b.length)
  ids.splice(20, 0, 'wmi-nowhere', 'not an id', 'wmi-I5', 'bo-old', 'wmi-purged', '', 'wmi-i20', 'x'.repeat(300))
  ids.splice(35, 0, ids[3] as string, 'not an id', ids[34] as string, 'wmi-nowhere')
  return ids
}

async function fill(database: TestDatabase): Promise<void> {
  const lines = [
    'account add --uuid a-team',
    'account add --uuid a-off',
    'account add --uuid a-gone',
    'account add --uuid a-idle',
    'account modify a-off --disable',
    'backupstorage add --uuid bkst-s --base-uri file:///srv/s/ --storage-type local --display-name s',
    ...['old', 'new', 'gone', 'raw', 'idle', 'lone'].map(
      (name) =>
        `backupobject add --uuid bo-${name} --storage-id bkst-s --object-key ${name}.raw --size 512 --checksum ${MD5} --display-name ${name}`,
    ),
    ...Array.from({ length: IMAGES }, (_, index) => {
      const parent = index > 0 && index % 7 === 0 ? ` --parent-image-id wmi-i${index / 7}` : ''
      const object = ['old', 'new', 'raw'][index % 3]
      return `image add local bo-${object} --uuid wmi-i${index} --account-id ${index % 5 ? 'a-shpoolxx' : 'a-gone'}${parent} --is-public`
    }),
    'image add local bo-gone --uuid wmi-i900 --account-id a-team',
    'image add local bo-old --uuid wmi-purged --account-id a-team',
    'image del wmi-purged wmi-i11 wmi-i12 wmi-i13 wmi-i40',
    'image purge wmi-purged --older-than 0s --yes',
    'image label wmi-i1 wmi-i4 wmi-i26 owner=lucid',
    'image protect wmi-i3 wmi-i39',
    'backupobject del bo-gone --force',
    'account del a-gone --force',
  ]
  await runLines(lines, { database })
  const statements = [
    // Unreadable YAML, and YAML with other keys.
    "UPDATE images SET features = '--- {' WHERE uuid IN ('i8', 'i27')",
    "UPDATE images SET features = '--- \\n:virtio: true\\n:other: 1\\n' WHERE uuid IN ('i9', 'i28')".replaceAll(
      '\\n',
      '\n',
    ),
    "UPDATE images SET vifs = 'a: [' WHERE uuid IN ('i10', 'i29')",
    "UPDATE images SET volumes = '- bo-gone' WHERE uuid IN ('i14', 'i12', 'i30')",
    "UPDATE images SET backup_object_id = NULL WHERE uuid IN ('i15', 'i31')",
    "UPDATE images SET backup_object_id = 'bo-nowhere' WHERE uuid IN ('i16', 'i32')",
    "UPDATE images SET backup_object_id = 'BO-old' WHERE uuid IN ('i17', 'i33')",
    "UPDATE images SET parent_image_id = 'wmi-nowhere' WHERE uuid IN ('i18', 'i34')",
    "UPDATE images SET parent_image_id = 'wmi-purged' WHERE uuid IN ('i19', 'i35')",
    // The original can delete with only one of these columns set.
    "UPDATE images SET state = 'deleted' WHERE uuid IN ('i22', 'i36')",
    "UPDATE images SET deleted_at = '2020-01-01 00:00:00' WHERE uuid IN ('i23', 'i37')",
    "DELETE FROM histories WHERE uuid IN ('wmi-i22', 'wmi-i24')",
    "INSERT INTO tag_mappings (tag_id, uuid, sort_index) VALUES (1, 'wmi-i25', 0), (2, 'wmi-i25', 0), (1, 'wmi-i38', 0), (1, 'a-team', 0)",
    `INSERT INTO resource_labels (resource_uuid, name, value_type, string_value, created_at, updated_at) VALUES
      ('bo-old', 'vdc-manage.file_format', 1, 'raw', '2020-01-01 00:00:00', '2020-01-01 00:00:00'),
      ('bo-new', 'vdc-manage.file_format', 1, 'vmdk', '2020-01-01 00:00:00', '2020-01-01 00:00:00'),
      ('bo-new', 'vdc-manage.md5', 1, 'f', '2020-01-01 00:00:00', '2020-01-01 00:00:00'),
      ('bo-raw', 'vdc-manage.file_format', 1, 'vmdk', '2020-01-01 00:00:00', '2020-01-01 00:00:00')`,
    "INSERT INTO histories (uuid, attr, vchar_value, created_at) VALUES ('bo-raw', 'checksum', 'f', '2020-01-01 00:00:00')",
  ]
  for (const sql of statements) await database.query(sql)
}

const TIME = /\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?/g
/** Replaces the times in a value. */
const timeless = (value: unknown) => JSON.parse(JSON.stringify(value).replace(TIME, 'TIME'))

/** Runs an operation. Returns its results, errors and warnings, in order. */
async function resultsOf(registry: Registry, operation: (registry: Registry) => AsyncIterable<Outcome<object>>) {
  const all: unknown[] = []
  const telling = { ...registry, warn: (text: string) => void all.push({ warning: text }) }
  for await (const outcome of operation(telling))
    all.push('error' in outcome ? { id: outcome.id, ...outcome.error.toJSON() } : outcome)
  return timeless(all)
}

/** Makes an operation run on one ID at a time. */
function oneByOne(operation: Operation, ids: readonly string[]): Operation {
  return async function* (registry) {
    for (const id of ids) yield* operation(registry, [id])
  }
}

/**
 * Returns all rows without times. Leaves out the integer IDs of histories and labels, and sorts
 * labels by resource.
 */
async function rowsOf(database: TestDatabase): Promise<Record<string, Row[]>> {
  const rows = await allRows(database)
  const owner = (row: Row) => String(row.resource_uuid)
  rows.resource_labels.sort((a, b) => (owner(a) < owner(b) ? -1 : Number(owner(a) > owner(b))))
  const nameless = (table: Row[]) => table.map(({ id, ...row }) => row)
  return timeless({
    ...rows,
    histories: nameless(rows.histories),
    resource_labels: nameless(rows.resource_labels),
  })
}

async function openTwo(engine: Engine) {
  const databases = await Promise.all([newDatabase(engine), newDatabase(engine)])
  for (const database of databases) await fill(database)
  const registries = await Promise.all(databases.map(({ uri }) => openRegistry(parseDatabaseUri(uri, 'the test'))))
  return { databases, registries } as {
    databases: [TestDatabase, TestDatabase]
    registries: [Registry, Registry]
  }
}

describe.each(ENGINES)('on %s', (engine) => {
  let two: Awaited<ReturnType<typeof openTwo>>
  beforeAll(async () => {
    two = await openTwo(engine)
  })
  afterAll(async () => {
    for (const registry of two.registries) await registry.close()
    for (const database of two.databases) await database.remove()
  })

  test.each(Object.entries(OPERATIONS))(
    'image %s: a batch gives the same results and rows as single IDs',
    async (name, operation) => {
      const ids = name === 'protect' ? idsToTry().slice(0, 28) : idsToTry()
      const [batched, single] = two.registries
      const expected = await resultsOf(single, (registry) => oneByOne(operation, ids)(registry, ids))
      expect(await resultsOf(batched, (registry) => operation(registry, ids))).toEqual(expected)
      expect(expected.filter((line: object) => 'id' in line)).toHaveLength(ids.length)
      const [rows, expectedRows] = await Promise.all(two.databases.map(rowsOf))
      expect(rows).toEqual(expectedRows)
    },
  )

  const OTHERS: [what: string, operations: Readonly<Record<string, Operation>>, ids: readonly string[]][] = [
    ['backup objects', OBJECT_OPERATIONS, OBJECTS],
    ['accounts', ACCOUNT_OPERATIONS, ACCOUNTS],
  ]
  test.each(OTHERS)('%s: a batch gives the same results and rows as single IDs', async (_, operations, ids) => {
    const [batched, single] = two.registries
    for (const [name, operation] of Object.entries(operations)) {
      const expected = await resultsOf(single, (registry) => oneByOne(operation, ids)(registry, ids))
      expect({ name, results: await resultsOf(batched, (registry) => operation(registry, ids)) }).toEqual({
        name,
        results: expected,
      })
      const [rows, expectedRows] = await Promise.all(two.databases.map(rowsOf))
      expect({ name, rows }).toEqual({ name, rows: expectedRows })
    }
  })

  test('deletions are refused for IDs in use, and ignore references in another case', async () => {
    const own = await newDatabase(engine)
    const lines = [
      'account add --uuid a-abc',
      'backupstorage add --uuid bkst-s --base-uri file:///srv/s/ --storage-type local --display-name s',
      `backupobject add --uuid bo-xyz --storage-id bkst-s --object-key k --size 1 --checksum ${MD5}`,
      'image add local bo-xyz --account-id a-abc --uuid wmi-first',
      'image add local bo-xyz --account-id a-abc --uuid wmi-second',
    ]
    await runLines(lines, { database: own })
    await own.query("UPDATE images SET account_id = 'a-ABC', backup_object_id = 'bo-XYZ' WHERE uuid = 'first'")
    const registry = await openRegistry(parseDatabaseUri(own.uri, 'the test'))
    expect(await resultsOf(registry, (registry) => deleteAccounts(registry, ['a-abc'], unforced))).toMatchObject([
      { id: 'a-abc', error: { code: 'IN_USE', message: 'Account a-abc owns images: wmi-second' } },
    ])
    expect(await resultsOf(registry, (registry) => deleteObjects(registry, ['bo-xyz'], unforced))).toMatchObject([
      { id: 'bo-xyz', error: { code: 'IN_USE', message: 'Backup object bo-xyz is used by images: wmi-second' } },
    ])
    await registry.close()
    await own.remove()
  })

  test('one transaction for everything gives the same results and rows as no transactions', async () => {
    const ids = idsToTry()
    const [batched, single] = two.registries
    const operation: Operation = (registry, some) => labelImages(registry, some, ['together=1'], forced)
    const inBulk = await withAllTogether(
      batched,
      (together) => resultsOf(together, (registry) => operation(registry, ids)),
      {
        once: true,
      },
    )
    expect(inBulk).toEqual(await resultsOf(withoutTransactions(single), (registry) => operation(registry, ids)))
    const [rows, expectedRows] = await Promise.all(two.databases.map(rowsOf))
    expect(rows).toEqual(expectedRows)
  })
})
