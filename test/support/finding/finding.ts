import type { Row, TestDatabase } from '../databases/databases.ts'

/*
 * Rows for tests of lists: names with special characters, spaces and quotes, or that differ
 * only in case; references that differ from an ID only in case; and times and values that
 * many rows share.
 */

/** Generates numbers in [0, 1), the same for the same seed (mulberry32). */
export type Random = () => number

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T
}

const NAMES = [
  'ubuntu-10.04',
  'Ubuntu-10.04',
  'UBUNTU-10.04',
  'ubuntu-10.04 ',
  'ubuntu-10.04  ',
  ' ubuntu-10.04',
  '日本語のイメージ',
  '日本語',
  '日本',
  'ｱ半角',
  'straße',
  'strasse',
  'Ä',
  'ä',
  'Ä',
  '100%',
  '100',
  'a_b',
  'aXb',
  'a[b]c',
  'abc',
  'a*b',
  'a?b',
  'a\\b',
  'a|b',
  'a^b',
  'a-b',
  "it's",
  'say "so"',
  '`tick`',
  ';--',
  ']',
  '^',
  '-',
  ' ',
  'a b',
  'a.b',
  'a(b)$c',
  'tab\tin',
  'two\nlines',
  'line\n',
]
const WIDE_NAMES = ['😀', '😀😀', 'a😀b', '𠮷野家', 'a😁b']
export const STATES = [
  'available',
  'available',
  'available',
  'pending',
  'creating',
  'deleted',
  'Deleted',
  'bogus',
  'Available',
]
const OBJECT_STATES = [...STATES, 'purged']
export const TIMES = Array.from(
  { length: 40 },
  (_, index) => `2026-0${1 + (index % 9)}-1${index % 4} 0${index % 7}:00:0${index % 3}`,
)
const LABELS = ['os', 'OS', 'tested', 'os ', 'vdc-manage.other', 'vdc-manage.protected', 'VDC-manage.protected']
const LABEL_VALUES = ['lucid', 'Lucid', 'lucid ', '', '日本語', 'x'.repeat(300)]
const SHA256 = 'vdc-manage.sha256'
const VIRTUAL_SIZE = 'vdc-manage.virtual-size'

/** All rows, as stored. */
export interface Findable {
  accounts: Row[]
  images: Row[]
  backup_objects: Row[]
  backup_storages: Row[]
  resource_labels: Row[]
}

/** The number of rows per table, except labels. */
export type Numbers = Record<Exclude<keyof Findable, 'resource_labels'>, number>

const hex = (random: Random, digits: number) =>
  Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('')
const maybe = (random: Random, part: number, value: () => string) => (random() < part ? value() : null)

/** Makes rows. With `wide`, some have characters beyond U+FFFF, which tables of Wakame-vdc cannot store. */
export function makeRows(random: Random, numbers: Numbers, wide: boolean): Findable {
  const names = wide ? [...NAMES, ...WIDE_NAMES] : NAMES
  const name = () => (random() < 0.5 ? pick(random, names) : `${pick(random, names)}${pick(random, names)}`)
  const otherCase = (id: string) => (random() < 0.05 ? id.replace(/[a-z]+$/, (end) => end.toUpperCase()) : id)
  const times = () => ({ created_at: pick(random, TIMES), updated_at: pick(random, TIMES) })
  const deleted = () => ({ deleted_at: maybe(random, 0.15, () => pick(random, TIMES)) })
  const many = <T>(number: number, make: (index: number) => T) => Array.from({ length: number }, (_, i) => make(i))
  // IDs of accounts, images and backup objects are unique regardless of case.
  const uuid = (index: number) =>
    `${index.toString(36)}${pick(random, ['a', 'A', 'z', 'Z'])}_${pick(random, ['x', 'X'])}`
  const unique = <T extends { uuid: string }>(rows: T[]) => [
    ...new Map(rows.map((row) => [row.uuid.toLowerCase(), row])).values(),
  ]

  const accounts = unique(
    many(numbers.accounts, (index) => ({
      id: 1000 + index,
      uuid: uuid(index),
      description: maybe(random, 0.8, name),
      enabled: random() < 0.8 ? 1 : 0,
      ...times(),
      ...deleted(),
    })),
  )
  const owner = () => otherCase(random() < 0.1 ? 'a-shpoolxx' : `a-${pick(random, accounts.slice(0, 12)).uuid}`)
  const backup_storages = many(numbers.backup_storages, (index) => ({
    id: 1 + index,
    uuid: `${uuid(index >> 1)}${index % 2 === 0 ? 's' : 'S'}`,
    display_name: name(),
    storage_type: pick(random, ['local', 'webdav', 'ifs', 'Local', 'odd']),
    description: maybe(random, 0.5, name),
    base_uri: `file:///srv/${index % 97}/`,
    node_id: maybe(random, 0.6, () => pick(random, ['bka.a', 'bka.A', 'bka.b'])),
    ...times(),
    ...deleted(),
  }))
  const backup_objects = unique(
    many(numbers.backup_objects, (index) => ({
      id: 1 + index,
      account_id: owner(),
      uuid: uuid(index),
      display_name: name(),
      service_type: pick(random, ['std', 'lb', 'Std']),
      // Some have a storage that does not exist.
      backup_storage_id: 1 + Math.floor(random() ** 3 * (numbers.backup_storages + 5)),
      size: pick(random, ['0', '512', '9007199254740993', '9007199254740992', '9223372036854775807']),
      allocation_size: pick(random, ['1', '511', '9007199254740993', '9223372036854775807']),
      container_format: pick(random, ['gz', 'tar', 'none', 'GZ', 'odd']),
      status: 1,
      state: pick(random, OBJECT_STATES),
      object_key: `key-${index}`,
      checksum: random() < 0.05 ? hex(random, 32).toUpperCase() : hex(random, 32),
      description: null,
      progress: 100,
      source_volume_id: '',
      ...times(),
      ...deleted(),
    })),
  )
  const images = unique(
    many(numbers.images, (index) => ({
      id: 1 + index,
      account_id: owner(),
      uuid: uuid(index),
      boot_dev_type: 2,
      arch: pick(random, ['x86', 'x86_64', 'X86', 'arm']),
      description: maybe(random, 0.5, name),
      is_public: random() < 0.2 ? 1 : 0,
      state: pick(random, STATES),
      features: '--- {}\n',
      file_format: pick(random, ['raw', 'qcow2', 'RAW', 'vmdk']),
      root_device: maybe(random, 0.5, () => pick(random, ['label:root', 'label:ROOT', 'uuid:1'])),
      is_cacheable: random() < 0.5 ? 1 : 0,
      instance_model_name: '',
      parent_image_id: maybe(random, 0.4, () => otherCase(`wmi-${Math.floor(random() * 20).toString(36)}a_x`)),
      service_type: pick(random, ['std', 'lb', 'Std', 'std ']),
      display_name: name(),
      backup_object_id: maybe(random, 0.9, () => otherCase(`bo-${pick(random, backup_objects).uuid}`)),
      volumes: '--- []\n',
      vifs: '--- []\n',
      os_type: pick(random, ['linux', 'windows', 'Linux']),
      ...times(),
      ...deleted(),
    })),
  )
  // To MySQL, label names that differ only in case or trailing spaces are equal.
  const labels = new Map<string, Row>()
  const label = (resource_uuid: string, labelName: string, value: string) => {
    const isShort = Buffer.byteLength(value) <= 255
    labels.set(`${resource_uuid}\n${labelName.toLowerCase().trimEnd()}`.toLowerCase(), {
      resource_uuid,
      name: labelName,
      value_type: isShort ? 1 : 2,
      string_value: isShort ? value : null,
      blob_value: isShort ? null : value,
      created_at: '2026-01-01 00:00:00',
      updated_at: '2026-01-01 00:00:00',
    })
  }
  for (const image of images) {
    while (random() < 0.3) label(otherCase(`wmi-${image.uuid}`), pick(random, LABELS), pick(random, LABEL_VALUES))
  }
  for (const object of backup_objects) {
    if (random() < 0.5) label(otherCase(`bo-${object.uuid}`), SHA256, hex(random, 64))
    const sizes = ['1048576', '0', '100000000000000000', '12x', '', '007', '9999999999']
    if (random() < 0.5) label(`bo-${object.uuid}`, VIRTUAL_SIZE, pick(random, sizes))
  }
  return { accounts, images, backup_objects, backup_storages, resource_labels: [...labels.values()] }
}

/** Inserts rows directly into the database, many at once. */
export async function insertRows(database: TestDatabase, all: Findable): Promise<void> {
  for (const [table, rows] of Object.entries(all)) {
    const columns = Object.keys(rows[0] as Row)
    const row = `(${columns.map(() => '?').join(', ')})`
    for (let start = 0; start < rows.length; start += 1000) {
      const block = rows.slice(start, start + 1000)
      await database.query(
        `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${block.map(() => row).join(', ')}`,
        block.flatMap((values: Row) => columns.map((column) => values[column] ?? null)),
      )
    }
  }
}
