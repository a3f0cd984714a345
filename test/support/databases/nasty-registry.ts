import { pick, type Random } from '../finding/finding.ts'

/*
 * Registry files and values that databases may confuse: case, accents, spaces, widths,
 * characters without collation weight, and numbers and times that could be rounded.
 */

/** Pieces of names. Some collations take several for equal. */
const PIECES = [
  ...['a', 'A', 'á', 'a\u0301', 'å', 'ａ', 'ª', 'e', 'é', 'É', 'ß', 'ẞ', 's', 'ss', 'ſ', 'i', 'İ', 'ı', 'K', 'Å', 'ﬁ'],
  ...[
    'か',
    'カ',
    'ｶ',
    'が',
    'ガ',
    'ゕ',
    'ー',
    '日',
    '本',
    'Ⴀ',
    'ა',
    'ͅ',
    'ι',
    'Ω',
    'я',
    'Я',
    'ё',
    '৴',
    '1',
    '①',
    '１',
    '۞',
  ],
  ...[' ', '  ', '\u00a0', '\u3000', '\u2003', '\u00ad', '\u200d', '\u2060', '\ufeff', '\u202e', '\u2028', 'ـ'],
  ...[
    '😀',
    '😁',
    '𠮷',
    '𝟏',
    '\ue000',
    '\ufffd',
    '\uffff',
    '%',
    '_',
    '\\',
    "'",
    '"',
    '`',
    '--',
    ';',
    '/*',
    '#',
    '$1',
    '?',
    ':x',
  ],
]
/** Characters that commands refuse, but rows may contain. */
const CONTROLS = ['\t', '\n', '\r', '\u0001', '\u001b[1m', '\u007f', '\u0085']

const TIMES = [
  '1970-01-01T00:00:00Z',
  '1969-12-31T23:59:59Z',
  '2000-02-29T12:34:56Z',
  '2038-01-19T03:14:08Z',
  '2026-03-29T02:30:00Z',
  '1000-01-01T00:00:00Z',
  '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
]
export const SIZES = [
  '0',
  '1',
  '512',
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '9223372036854775807',
]
const PROGRESSES = [0, 100, 12.5, 33.333333333333336, 99.99999999999999, 0.1, 1e-7, 5e-324, 1 / 3, 66.66666666666667]
const VOLUMES = [
  '--- []\n',
  '',
  '---\n- :backup_object_id: bo-o1\n',
  '---\n- :backup_object_id: "bo-O1"\n  :name: "é😀"\n',
  "--- \n- :size: 9007199254740993\n  :x: ' '\n",
  '---\n- &a\n  :b: 1\n- *a\n',
]
const FEATURES = ['--- {}\n', null, '', '---\n:virtio: true\n:acpi: true\n', '--- \n:virtio: true\n', '--- {}\n\n']
const STATES = ['available', 'pending', 'creating', 'deleted', 'purged', 'Available', 'odd ', 'é', 'init']

/** Returns a random text of a few pieces. */
export function nastyText(random: Random, options: { controls: boolean } = { controls: false }): string {
  const pieces = options.controls ? [...PIECES, ...CONTROLS] : PIECES
  return Array.from({ length: Math.floor(random() * 4) + 1 }, () => pick(random, pieces)).join('')
}

/** Returns a variant of a name that a database may take for equal. */
export function twinOf(random: Random, name: string): string {
  return pick<(text: string) => string>(random, [
    (text) => text.toUpperCase(),
    (text) => text.toLowerCase(),
    (text) => text.normalize('NFD'),
    (text) => text.normalize('NFKC'),
    (text) => text.normalize('NFD').replaceAll(/\p{M}/gu, ''),
    (text) => `${text}${pick(random, [' ', '   ', '\u3000', '\u00ad', '\u0301', ' \u200d'])}`,
    (text) => text.trimEnd(),
    (text) => text.replace(/./su, (first) => `${first}${pick(random, ['\u0301', '\u200d', '\u0327'])}`),
    (text) => text.replaceAll(/[ぁ-ん]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) + 0x60)),
    (text) => text.replaceAll(/[!-~]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) + 0xfee0)),
    (text) => text.replaceAll(/[\u{10000}-\u{10ffff}]/gu, '😂'),
    (text) => text.replaceAll('ß', pick(random, ['s', 'ss'])),
  ])(name)
}

/** Returns a random ID. It may differ from others only in case. */
export function nastyId(random: Random, prefix: string): string {
  const uuid = `${pick(random, ['o', 'x', '_', 'Z'])}${Math.floor(random() * 6)}`
  return `${prefix}${random() < 0.25 ? uuid.toUpperCase() : uuid}`
}

/** Returns a random registry file. Most can be imported. */
export function nastyFile(random: Random): string {
  const text = () => nastyText(random, { controls: true })
  const time = () => pick(random, TIMES)
  const maybe = <T>(value: () => T) => (random() < 0.5 ? value() : null)
  const many = <T>(most: number, make: () => T) => Array.from({ length: Math.floor(random() * most) }, make)
  const long = (length: number) => (random() < 0.1 ? pick(random, ['é', 'x', '日']).repeat(length) : text())
  const times = () => ({ created_at: time(), updated_at: time(), deleted_at: maybe(time) })
  const size = () => {
    const digits = pick(random, SIZES)
    return Number.isSafeInteger(Number(digits)) ? Number(digits) : digits
  }
  /** Removes duplicate IDs, mostly, so that most files can be imported. */
  const unique = <T extends { uuid: string }>(rows: T[]) =>
    random() < 0.15 ? rows : [...new Map(rows.map((row) => [row.uuid.toLowerCase(), row])).values()]
  /** Whether some label names may be equal. Such files usually cannot be imported. */
  const areTwins = random() < 0.5
  const accounts = unique(
    many(4, () => ({
      type: 'account',
      uuid: nastyId(random, 'a-'),
      description: maybe(() => long(255)),
      enabled: pick(random, [0, 1, -1, 2147483647]),
      ...times(),
      purged_at: maybe(time),
    })),
  )
  const storages = unique(
    many(4, () => ({
      type: 'backup_storage',
      uuid: nastyId(random, 'bkst-'),
      display_name: text(),
      storage_type: pick(random, ['local', 'webdav', 'odd ']),
      description: maybe(() => long(10_000)),
      base_uri: pick(random, ['file:///srv/s/', 'FILE:///', text()]),
      node_id: maybe(text),
      ...times(),
    })),
  )
  const objects = unique(
    many(5, () => ({
      type: 'backup_object',
      account_id: nastyId(random, 'a-'),
      uuid: nastyId(random, 'bo-'),
      display_name: long(255),
      service_type: pick(random, ['std', 'Std ', text()]),
      backup_storage_id: storages.length > 0 && random() < 0.8 ? pick(random, storages).uuid : null,
      size: size(),
      allocation_size: size(),
      container_format: pick(random, ['none', 'GZ', '']),
      status: pick(random, [0, 1, -2147483648]),
      state: pick(random, STATES),
      object_key: text(),
      checksum: pick(random, ['', '0'.repeat(32), 'ABCDEF0123456789abcdef0123456789', text()]),
      description: maybe(() => long(20_000)),
      progress: pick(random, PROGRESSES),
      ...times(),
      purged_at: maybe(time),
      source_volume_id: pick(random, ['', 'vol-x', text()]),
    })),
  )
  const images = unique(
    many(5, () => ({
      type: 'image',
      account_id: nastyId(random, 'a-'),
      uuid: nastyId(random, 'wmi-'),
      boot_dev_type: pick(random, [1, 2, 7]),
      arch: pick(random, ['x86_64', 'X86', text()]),
      description: maybe(() => long(20_000)),
      is_public: pick(random, [0, 1]),
      state: pick(random, STATES),
      features: pick(random, FEATURES),
      file_format: pick(random, ['raw', 'qcow2', 'RAW ']),
      root_device: maybe(text),
      is_cacheable: pick(random, [0, 1]),
      instance_model_name: pick(random, ['', text()]),
      parent_image_id: pick(random, [null, '', nastyId(random, 'wmi-')]),
      service_type: text(),
      display_name: long(255),
      backup_object_id: pick(random, [null, '', nastyId(random, 'bo-')]),
      volumes: pick(random, VOLUMES),
      vifs: pick(random, VOLUMES),
      os_type: pick(random, ['linux', 'Linux', text()]),
      ...times(),
      ...(random() < 0.5 && { state_before_deletion: pick(random, STATES) }),
    })),
  )
  const things = [...accounts, ...storages, ...objects, ...images]
  const named: { resource_uuid: string; name: string }[] = []
  const labels = many(8, () => {
    const isTwin = areTwins && named.length > 0 && random() < 0.5
    const other = isTwin ? pick(random, named) : undefined
    const label = {
      resource_uuid: other?.resource_uuid ?? (things.length === 0 ? 'a-shpoolxx' : pick(random, things).uuid),
      name: other === undefined ? (random() < 0.5 ? nastyText(random) : text()) : twinOf(random, other.name),
    }
    named.push(label)
    const value = random() < 0.2 ? text().repeat(90).slice(0, 400) : text()
    const isShort = Buffer.byteLength(value) <= 255 && value.isWellFormed()
    return {
      type: 'label',
      ...label,
      value_type: isShort ? 1 : 2,
      string_value: isShort ? value : null,
      blob_value: isShort ? null : value.toWellFormed(),
      created_at: time(),
      updated_at: time(),
    }
  })
  const purged = unique(many(3, () => ({ type: 'purged_image', uuid: nastyId(random, 'wmi-'), purged_at: time() })))
  const end = {
    type: 'end',
    counts: {
      account: accounts.length,
      backup_storage: storages.length,
      backup_object: objects.length,
      image: images.length,
      label: labels.length,
      purged_image: purged.length,
    },
  }
  const header = { type: 'registry', version: 1, exported_at: '2026-11-24T09:30:00Z' }
  return [header, ...things, ...labels, ...purged, end].map((line) => `${JSON.stringify(line)}\n`).join('')
}
