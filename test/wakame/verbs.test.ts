import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { type PrivateServer, startServer } from '../support/databases/mariadb.ts'
import { changesBetween, renderChanges, type TableChanges, timesIn } from '../support/databases/row-changes.ts'
import { beginAnew, contentsOf, insert, LONG_AGO, newWakame, type Row } from '../support/databases/wakame.ts'
import { hashOf, makeImage, newFolder, rawDisk } from '../support/files/images.ts'
import { vdcManage } from '../support/process/cli.ts'

/*
 * The rows that each command adds, removes and changes, with all columns. Each
 * case has one golden file, which is the same on a database of Wakame-vdc (with
 * and without strict SQL mode) and on SQLite.
 */

const GOLDEN = new URL('../golden/rows/', import.meta.url)
const GOLDEN_BEFORE = readdirSync(GOLDEN)

const ENGINES: Record<string, (() => Promise<PrivateServer>) | undefined> = {
  'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION': () =>
    startServer(['--sql-mode=STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION']),
  NO_ENGINE_SUBSTITUTION: () => startServer(['--sql-mode=NO_ENGINE_SUBSTITUTION']),
  SQLite: undefined,
}

/** Longer than a `vchar_value`. */
const LONG = 'Ubuntu 10.04 64bit. '.repeat(15)
/** FULL is as long as a label's `string_value` can be. OVER has fewer characters, but more bytes. */
const FULL = 'x'.repeat(255)
const OVER = '日'.repeat(86)
/** Placeholders for long texts in golden files. */
const NAMED_TEXTS = [
  [LONG, '<LONG: 300 characters>'],
  [FULL, '<FULL: 255 bytes>'],
  [OVER, '<OVER: 258 bytes>'],
] as const

/** The rows before each case, as the Ruby programs write them. */
const BEFORE: readonly [table: string, row: Row][] = [
  ['accounts', { id: 102, uuid: 'team', description: 'Team lucid' }],
  ['accounts', { id: 103, uuid: 'other' }],
  ['backup_storages', { id: 1, uuid: 'local' }],
  ['backup_storages', { id: 2, uuid: 'empty', base_uri: 'http://dav.example/', storage_type: 'webdav', node_id: 'n1' }],
  ['backup_objects', { id: 1, uuid: 'lucid', display_name: 'lucid' }],
  ['backup_objects', { id: 2, uuid: 'spare', object_key: 'spare.raw.gz', description: 'nobody uses it' }],
  ['images', { id: 1, uuid: 'lucid', backup_object_id: 'bo-lucid' }],
  ['images', { id: 2, uuid: 'neighbour', backup_object_id: 'bo-lucid', features: '--- \n:virtio: true\n' }],
  [
    'images',
    {
      id: 3,
      uuid: 'full',
      account_id: 'a-team',
      backup_object_id: 'bo-lucid',
      description: 'all of it',
      root_device: 'label:root',
      instance_model_name: 'kvm',
      parent_image_id: 'wmi-lucid',
      features: '---\n:virtio: true\n:acpi: true\n',
      os_type: 'windows',
      is_public: 1,
    },
  ],
  ['histories', { id: 1, uuid: 'wmi-full', attr: 'state', vchar_value: 'available' }],
  ['resource_labels', { id: 1, resource_uuid: 'wmi-full', name: 'owner', string_value: 'lucid' }],
  ['resource_labels', { id: 2, resource_uuid: 'wmi-neighbour', name: 'owner', string_value: 'natty' }],
  ['tags', { id: 1, uuid: 'tag', name: 'images' }],
  ['tag_mappings', { id: 1, tag_id: 1, uuid: 'wmi-neighbour' }],
  ['tag_mappings', { id: 2, tag_id: 1, uuid: 'wmi-full', sort_index: 1 }],
  ['tag_mappings', { id: 3, tag_id: 1, uuid: 'bo-spare' }],
  ['tag_mappings', { id: 4, tag_id: 1, uuid: 'bkst-empty' }],
  ['tag_mappings', { id: 5, tag_id: 1, uuid: 'a-other' }],
]

/** The words of a command, and what it must print to stdout and stderr. */
interface Step {
  words: string[]
  stdout?: string
  stderr?: string
}

interface Verb {
  /** Commands to run in order. `FOLDER` stands for the folder of `files`. */
  steps: Step[]
  /** Makes files. Returns the values of them that appear in rows, with their placeholders. */
  files?: (folder: string) => Promise<Map<string, string>>
  /** Rows to add to `BEFORE`. */
  rows?: (folder: string) => [table: string, row: Row][]
}

const file = (path: string, name: string): [string, string][] => [
  [String(statSync(path).size), `<bytes of ${name}>`],
  [hashOf(path, 'md5'), `<MD5 of ${name}>`],
  [hashOf(path, 'sha256'), `<SHA-256 of ${name}>`],
]

const VERBS: Readonly<Record<string, Verb>> = {
  'image-add-local': {
    steps: [
      {
        words: [
          ...['image', 'add', 'local', 'bo-lucid', '--account-id', 'a-shpoolxx', '--uuid', 'wmi-new'],
          ...['--root-device', 'label:root', '--display-name', 'Ubuntu 10.04', '--description', LONG],
          ...['--os-type', 'windows', '--arch', 'x86', '--is-public', '--is-cacheable'],
        ],
        stdout: 'wmi-new\n',
      },
    ],
  },
  'image-add-local-file': {
    files: async (folder) => {
      const path = await makeImage(join(folder, 'lucid.qcow2'))
      return new Map(file(path, 'lucid.qcow2'))
    },
    steps: [
      {
        words: ['image', 'add', 'local', 'FOLDER/lucid.qcow2', '--account_id=team', '--uuid', 'new'],
        stdout: 'wmi-new\n',
      },
    ],
  },
  'image-add-volume': {
    steps: [
      {
        words: [
          ...['image', 'add', 'volume', 'bo-lucid', '--account-id', 'a-team', '--uuid', 'wmi-new'],
          ...['--parent-image-id', 'lucid', '--file-format', 'qcow2', '--state', 'pending'],
        ],
        stdout: 'wmi-new\n',
        stderr:
          'Warning: Backup object bo-lucid is not raw (qcow2, packed as gz): a volume made from it would hold these bytes unchanged, and only raw volumes boot\n',
      },
    ],
  },
  'image-modify': {
    steps: [
      {
        words: [
          ...['image', 'modify', 'wmi-lucid', '--uuid', 'wmi-lucid', '--account-id', 'team', '--arch', 'x86'],
          ...['--description', LONG, '--is-public', '--is-cacheable', '--state', 'pending', '--file-format', 'qcow2'],
          ...['--root-device', 'label:root', '--instance-model-name', 'kvm', '--parent-image-id', 'neighbour'],
          ...['--service-type', 'lb', '--display-name', '日本語', '--backup-object-id', 'spare'],
          ...['--os-type', 'windows'],
        ],
      },
    ],
  },
  'image-modify-clear': {
    steps: [
      {
        words: [
          ...['image', 'modify', 'wmi-full', '--description', '', '--root-device', '', '--parent-image-id', ''],
          ...['--backup-object-id', '', '--instance-model-name', '', '--no-is-public'],
        ],
      },
    ],
  },
  'image-modify-nothing': {
    steps: [
      {
        words: [
          ...['image', 'modify', 'wmi-full', '--account-id', 'a-team', '--arch', 'x86_64', '--is-public'],
          ...['--description', 'all of it', '--state', 'available', '--file-format', 'raw', '--no-is-cacheable'],
          ...['--root-device', 'label:root', '--instance-model-name', 'kvm', '--parent-image-id', 'wmi-lucid'],
          ...['--service-type', 'std', '--display-name', 'image', '--backup-object-id', 'bo-lucid'],
          ...['--os-type', 'windows'],
        ],
      },
      { words: ['image', 'modify', 'wmi-lucid', '--description', '', '--root-device', '', '--parent-image-id', ''] },
      { words: ['backupobject', 'modify', 'bo-lucid', '--size', '1048576', '--progress', '100', '--description', ''] },
      { words: ['backupstorage', 'modify', 'bkst-local', '--display-name', 'storage', '--node-id', ''] },
      { words: ['account', 'modify', 'a-team', '--enable', '--description', 'Team lucid'] },
    ],
  },
  'image-features': {
    steps: [
      { words: ['image', 'features', 'wmi-lucid', '--virtio', '--acpi'] },
      // Its features are YAML of an older release.
      { words: ['image', 'features', 'wmi-neighbour', '--acpi'] },
    ],
  },
  'image-features-taken-away': {
    steps: [
      { words: ['image', 'features', 'wmi-full', '--no-virtio'] },
      { words: ['image', 'features', 'wmi-full', '--no-acpi'] },
      { words: ['image', 'features', 'wmi-full', '--no-acpi', '--no-virtio'] },
    ],
  },
  'image-label': {
    steps: [
      { words: ['image', 'label', 'wmi-lucid', 'os=lucid', `full=${FULL}`, `over=${OVER}`] },
      { words: ['image', 'label', 'wmi-full', 'owner=natty', 'empty='] },
      { words: ['image', 'label', 'wmi-full', 'owner=natty'] },
      { words: ['image', 'label', 'wmi-full', `owner=${LONG}`] },
    ],
  },
  'image-label-removed': { steps: [{ words: ['image', 'label', 'wmi-full', 'owner-'] }] },
  'image-del': { steps: [{ words: ['image', 'del', 'wmi-full'] }] },
  'backupobject-add': {
    steps: [
      {
        words: [
          ...['backupobject', 'add', '--uuid', 'bo-ubuntu14043ple', '--display-name', 'Ubuntu 14.04.3'],
          ...['--storage-id', 'bkst-local', '--object-key', 'ubuntu-14.04.3-x86_64-30g.raw.tgz'],
          ...['--container-format', 'tgz', '--size=312530432', '--allocation-size=312530604'],
          ...['--checksum=81bb27d621f2d1e90ce24625a1dcb311'],
        ],
        stdout: 'bo-ubuntu14043ple\n',
      },
      {
        words: [
          ...['backupobject', 'add', '--uuid', 'coming', '--display-name', 'coming', '--storage-id', 'empty'],
          ...['--object-key', 'coming.raw', '--size', '9007199254740991', '--description', LONG],
          ...['--checksum', 'D41D8CD98F00B204E9800998ECF8427E', '--state', 'creating', '--progress', '12.5'],
          ...['--account-id', 'team', '--service-type', 'lb'],
        ],
        stdout: 'bo-coming\n',
      },
    ],
  },
  'backupobject-add-from-file': {
    files: async (folder) => {
      const raw = await makeImage(join(folder, 'disk.raw'), { format: 'raw', size: '1M' })
      const gz = join(folder, 'packed.raw.gz')
      writeFileSync(gz, gzipSync(rawDisk(3 * 1024 * 1024)))
      // The size of the raw file is fixed, so it needs no placeholder.
      return new Map([...file(gz, 'packed.raw.gz'), ...file(raw, 'disk.raw').slice(1)])
    },
    rows: (folder) => [['backup_storages', { id: 3, uuid: 'files', base_uri: `file://${folder}/` }]],
    steps: [
      {
        words: ['backupobject', 'add', '--from-file', 'FOLDER/disk.raw', '--uuid', 'bo-raw'],
        stdout: 'bo-raw\n',
      },
      {
        words: ['backupobject', 'add', '--from-file', 'FOLDER/packed.raw.gz', '--uuid', 'bo-gz'],
        stdout: 'bo-gz\n',
      },
    ],
  },
  'backupobject-modify': {
    steps: [
      {
        words: [
          ...['backupobject', 'modify', 'spare', '--account-id', 'team', '--display-name', 'Spare'],
          ...['--storage-id', 'empty', '--object-key', 'new.tgz', '--size', '2', '--allocation-size', '1'],
          ...['--checksum', 'd41d8cd98f00b204e9800998ecf8427e', '--container-format', 'tgz', '--state', 'creating'],
          ...['--progress', '50', '--description', LONG, '--service-type', 'lb'],
        ],
      },
      { words: ['backupobject', 'modify', 'bo-spare', '--state', 'available', '--description', ''] },
    ],
  },
  'backupobject-del': { steps: [{ words: ['backupobject', 'del', 'bo-spare'] }] },
  'backupstorage-add': {
    steps: [
      {
        words: [
          ...['backupstorage', 'add', '--uuid', 'bkst-new', '--display-name', 'new', '--base-uri', 'file:///srv/new/'],
          ...['--storage-type', 'local'],
        ],
        stdout: 'bkst-new\n',
      },
      {
        words: [
          ...['backupstorage', 'add', '--uuid', 'dav', '--display-name', 'dav', '--base-uri', 'http://dav:80/v/'],
          ...['--storage-type', 'webdav', '--description', LONG, '--node-id', 'bksta.demo1'],
        ],
        stdout: 'bkst-dav\n',
      },
    ],
  },
  'backupstorage-modify': {
    steps: [
      {
        words: [
          ...['backupstorage', 'modify', 'bkst-empty', '--display-name', 'Empty', '--base-uri', 'file:///srv/empty/'],
          ...['--storage-type', 'ifs', '--description', 'nothing in it', '--node-id', ''],
        ],
      },
    ],
  },
  'backupstorage-del': { steps: [{ words: ['backupstorage', 'del', 'bkst-empty'] }] },
  'account-add': {
    steps: [
      { words: ['account', 'add', '--uuid', 'a-new', '--description', 'Team natty'], stdout: 'a-new\n' },
      { words: ['account', 'add', '--uuid', 'plain'], stdout: 'a-plain\n' },
    ],
  },
  'account-modify': {
    steps: [
      { words: ['account', 'modify', 'a-team', '--description', '', '--disable'] },
      { words: ['account', 'modify', 'team', '--enable'] },
    ],
  },
  'account-del': { steps: [{ words: ['account', 'del', 'a-other'] }] },
}

test('each case has a golden file, and each golden file a case', () => {
  expect(GOLDEN_BEFORE.sort()).toEqual(
    Object.keys(VERBS)
      .map((verb) => `${verb}.txt`)
      .sort(),
  )
})

describe.each(Object.keys(ENGINES))('rows that commands write, with %s', (engine) => {
  let server: PrivateServer | undefined
  let database: TestDatabase
  beforeAll(async () => {
    server = await ENGINES[engine]?.()
    database = server === undefined ? await newDatabase('sqlite') : await newWakame(server.port)
  })
  afterAll(async () => {
    await database.remove()
    await server?.remove()
  })

  test('the database has the expected engine, SQL mode and schema', async () => {
    const { untouchable } = await contentsOf(database)
    if (server === undefined) return expect(database.engine).toBe('sqlite')
    expect(await database.query('SELECT @@GLOBAL.sql_mode AS mode')).toEqual([{ mode: engine }])
    expect(Object.keys(untouchable.schema)).toHaveLength(51 + 1)
    expect(Object.keys(untouchable.schema).filter((table) => table.startsWith('vdc'))).toEqual([])
    for (const sql of Object.values(untouchable.schema)) expect(sql).toMatch(/ENGINE=InnoDB .*CHARSET=utf8(mb3)? /)
    expect(await database.query('SELECT * FROM schema_info')).toEqual([{ version: 23 }])
  })

  test.each(Object.keys(VERBS))('%s', async (name) => {
    const verb = VERBS[name] as Verb
    const folder = newFolder()
    try {
      await beginAnew(database)
      const placeholders = (await verb.files?.(folder.path)) ?? new Map<string, string>()
      for (const [table, row] of [...BEFORE, ...(verb.rows?.(folder.path) ?? [])]) await insert(database, table, row)
      const texts: string[] = []
      for (const { words, stdout = '', stderr = '' } of verb.steps) {
        await age(database)
        const before = await contentsOf(database)
        const began = Date.now()
        const run = await vdcManage(
          words.map((word) => word.replace('FOLDER', folder.path)),
          { database, env: { TZ: 'Asia/Tokyo' } },
        )
        const ended = Date.now()
        expect(run).toEqual({ code: 0, signal: undefined, stdout, stderr })
        const after = await contentsOf(database)
        expect(after.untouchable).toEqual(before.untouchable)
        const changes = changesBetween(before, after)
        const now = oneTimeOf(changes, began, ended)
        const replace = <T extends string | number | null>(value: T): T | string => {
          if (value === now) return '<now>'
          const known = placeholders.get(String(value))
          if (known !== undefined || typeof value !== 'string') return known ?? value
          let text: string = value.replaceAll(folder.path, '<folder>')
          for (const [long, word] of NAMED_TEXTS) text = text.replaceAll(long, word)
          for (const [uuid, word] of generatedIn(changes, words)) text = text.replaceAll(uuid, word)
          return text
        }
        texts.push(
          `$ ${words.map((word) => quoted(replace(word))).join(' ')}\n${stdout}${renderChanges(changes, replace)}`.trimEnd(),
        )
      }
      await expect(`${texts.join('\n\n')}\n`).toMatchFileSnapshot(new URL(`${name}.txt`, GOLDEN).pathname)
    } finally {
      folder.remove()
    }
  })
})

/** Sets the times of all rows to a past time, so that times written by the next step can be told apart. */
async function age(database: TestDatabase): Promise<void> {
  for (const table of ['accounts', 'images', 'backup_objects', 'backup_storages', 'resource_labels']) {
    await database.query(`UPDATE ${table} SET created_at = ?, updated_at = ?`, [LONG_AGO, LONG_AGO])
  }
}

/** Returns the time that a run wrote, in UTC. All its rows must have the same. Returns undefined if it wrote none. */
function oneTimeOf(changes: TableChanges[], began: number, ended: number): string | undefined {
  const times = [...new Set(timesIn(changes))]
  expect(times).toHaveLength(changes.some(({ added, changed }) => added.length + changed.length > 0) ? 1 : 0)
  const [now] = times
  if (now === undefined) return undefined
  const written = Date.parse(`${now.replace(' ', 'T')}Z`)
  // Times are stored without fractions of a second.
  expect(written).toBeGreaterThan(began - 1000)
  expect(written).toBeLessThanOrEqual(ended)
  return now
}

/** Returns the generated UUIDs of a file's storage and backup object, with their placeholders. */
function generatedIn(changes: TableChanges[], words: string[]): [string, string][] {
  return changes.flatMap(({ table, added }): [string, string][] => {
    const word = { backup_storages: '<storage>', backup_objects: '<object>' }[table]
    const uuid = String(added[0]?.uuid)
    if (word === undefined || added.length === 0 || words.some((each) => each.endsWith(uuid))) return []
    expect(uuid).toMatch(/^[a-z0-9]{8}$/)
    return [[uuid, word]]
  })
}

function quoted(word: string): string {
  return /^[\w./=:<>-]+$/.test(word) ? word : `'${word}'`
}
