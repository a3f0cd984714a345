import { pick, type Random, STATES, TIMES } from './finding.ts'
import type { Key, Lists, Shown, Wanted } from './finding-reference.ts'

/** The lists that can be requested. */
export type List = keyof Lists

/** A request, and the filters and order that it means, independent of the program. */
export interface Asked {
  request: Record<string, string | string[] | boolean>
  /** The value of `--sort`. */
  sort: string | undefined
  wanted: Wanted[]
  order: Key[]
}

/** A filter: its part of the request, and what that means. */
type Filter = (random: Random, lists: Lists) => { given: Asked['request']; wanted: Wanted }

const oneOf =
  (option: string, column: string, values: readonly string[]): Filter =>
  (random) => {
    const chosen = [pick(random, values), ...(random() < 0.3 ? [pick(random, values)] : [])]
    return { given: { [option]: chosen }, wanted: (row) => chosen.includes(String(row[column])) }
  }

const SPECIAL = /[*?[\]\\!^-]/g
const escapeRegExp = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
const escapeInSet = (text: string) => escapeRegExp(text).replaceAll('-', '\\-')

/** Returns a random pattern made from a text, and the equivalent regular expression. */
function patternFor(random: Random, text: string): { pattern: string; regExp: RegExp } {
  let pattern = ''
  let source = ''
  const characters = [...text]
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string
    const dice = random()
    if (dice < 0.12) {
      pattern += random() < 0.2 ? '**' : '*'
      source += '.*'
      at += Math.floor(random() * 4) - 1
    } else if (dice < 0.24) {
      pattern += '?'
      source += '.'
    } else if (dice < 0.4) {
      const negated = random() < 0.3
      const point = character.codePointAt(0) as number
      const range = String.fromCodePoint(Math.max(1, point - 2), 0x2d, point === 0xd7ff ? point : point + 1)
      const more = pick(random, ['', 'x', ']', '^', '-', '!', '[', '\\', '*', '日', '😀'])
      const inside = random() < 0.5 ? [character, more] : [more, character]
      const isRange = random() < 0.3 && !/[^\w日本]/.test(character)
      const set = isRange ? range : inside.map((each) => each.replace(SPECIAL, '\\$&')).join('')
      const expression = isRange
        ? `${escapeInSet([...range][0] as string)}-${escapeInSet([...range][2] as string)}`
        : inside.map(escapeInSet).join('')
      pattern += `[${negated ? '!' : ''}${isRange ? `${escapeSet(range)}` : set}]`
      source += `[${negated ? '^' : ''}${expression}]`
    } else {
      pattern += /[*?[\\]/.test(character) ? `\\${character}` : character
      source += escapeRegExp(character)
    }
  }
  if (random() < 0.3) {
    pattern += '*'
    source += '.*'
  }
  return { pattern, regExp: new RegExp(`^(?:${source})$`, 'su') }
}

/** Escapes the ends of a range. */
function escapeSet(range: string): string {
  const [from, , to] = [...range] as [string, string, string]
  return `${from.replace(SPECIAL, '\\$&')}-${to.replace(SPECIAL, '\\$&')}`
}

const matching =
  (option: string, column: string, list: List): Filter =>
  (random, lists) => {
    const text = String(pick(random, lists[list])[column] ?? 'a')
    const { pattern, regExp } = patternFor(random, text)
    return {
      given: { [option]: pattern },
      wanted: (row) => row[column] != null && regExp.test(String(row[column])),
    }
  }

const life: Filter = (random) => {
  const given = pick(random, [{}, { all: true }, { deleted: true }, { deleted: true, all: true }])
  return { given, wanted: () => true }
}

const time = (random: Random) => {
  const at = pick(random, TIMES)
  return pick(random, [
    { text: at, from: at },
    { text: `${at.replace(' ', 'T')}Z`, from: at },
    { text: at.slice(0, 16), from: `${at.slice(0, 16)}:00` },
    { text: at.slice(0, 10), from: `${at.slice(0, 10)} 00:00:00` },
  ])
}
const createdAfter: Filter = (random) => {
  const { text, from } = time(random)
  return {
    given: { created_after: text },
    wanted: ({ created_at }) => String(created_at) >= `${from.replace(' ', 'T')}Z`,
  }
}
const createdBefore: Filter = (random) => {
  const { text, from } = time(random)
  return {
    given: { created_before: text },
    wanted: ({ created_at }) => String(created_at) < `${from.replace(' ', 'T')}Z`,
  }
}

const bool =
  (option: string, column: string): Filter =>
  (random) => {
    const value = random() < 0.5
    return { given: { [option]: value }, wanted: (row) => row[column] === value }
  }

const byId =
  (option: string, column: string, from: List): Filter =>
  (random, lists) => {
    const used = lists[from].map((row) => row[column]).filter((id) => typeof id === 'string')
    const ids = [pick(random, used), ...(random() < 0.3 ? [pick(random, used)] : [])].map(String)
    const given = ids.map((id) => (random() < 0.2 ? id.replace(/^[a-z]+-/, '') : id))
    return { given: { [option]: given }, wanted: (row) => ids.includes(String(row[column])) }
  }

const checksum =
  (list: List): Filter =>
  (random, lists) => {
    const words: string[] = []
    const wanted = new Set<unknown>()
    for (let n = 0; n < 1 + random() * 3; n++) {
      const row = pick(random, lists[list])
      const kind = random() < 0.5 && row.sha256 ? 'sha256' : 'md5'
      const hex = row[kind]
      if (typeof hex !== 'string') continue
      wanted.add(hex)
      words.push(pick(random, [hex, hex.toUpperCase(), `${kind}:${hex}`]))
    }
    if (words.length === 0) words.push('0'.repeat(32))
    return { given: { checksum: words }, wanted: (row) => wanted.has(row.md5) || wanted.has(row.sha256) }
  }

const account: Filter = (random, lists) => {
  const id = String(pick(random, lists.images).account_id)
  if (random() < 0.5) return { given: { account_id: id, owned: true }, wanted: (row) => row.account_id === id }
  return {
    given: { account_id: id },
    wanted: (row) =>
      (row.state === 'available' || row.state === 'deleted') &&
      (row.account_id === id || row.account_id === 'a-shpoolxx' || row.is_public === true),
  }
}

const label: Filter = (random) => {
  const words = [
    pick(random, [
      'os',
      'OS',
      'os ',
      'tested',
      'none',
      'os=lucid',
      'os=Lucid',
      'os=lucid ',
      'os=',
      'tested=日本語',
      `os=${'x'.repeat(300)}`,
    ]),
  ]
  if (random() < 0.3) words.push(pick(random, ['tested', 'OS', 'vdc-manage.other']))
  const has = (row: Shown, word: string) => {
    const labels: Record<string, string> = row.labels === '' ? {} : JSON.parse(String(row.labels))
    const [name, ...value] = word.split('=')
    const held = Object.hasOwn(labels, String(name)) ? labels[String(name)] : undefined
    return held !== undefined && (value.length === 0 || held === value.join('='))
  }
  return { given: { label: words }, wanted: (row) => words.every((word) => has(row, word)) }
}

const states = (more: readonly string[]) => oneOf('state', 'state', [...STATES, ...more])

const FILTERS: Record<List, Filter[]> = {
  images: [
    life,
    matching('name', 'display_name', 'images'),
    states(['init']),
    oneOf('arch', 'arch', ['x86', 'x86_64', 'X86', 'arm']),
    oneOf('os_type', 'os_type', ['linux', 'windows', 'Linux']),
    oneOf('file_format', 'file_format', ['raw', 'RAW', 'qcow2', 'vdi']),
    oneOf('service_type', 'service_type', ['std', 'Std', 'std ', 'lb', 'none', '😀']),
    bool('public', 'is_public'),
    bool('protected', 'protected'),
    byId('backup_object_id', 'backup_object_id', 'images'),
    label,
    byId('parent', 'parent_image_id', 'images'),
    byId('storage_id', 'backup_storage_id', 'images'),
    checksum('images'),
    createdAfter,
    createdBefore,
    account,
  ],
  backup_objects: [
    life,
    matching('name', 'display_name', 'backup_objects'),
    states(['purged', 'initialized']),
    oneOf('container_format', 'container_format', ['gz', 'GZ', 'tar', 'odd', 'raw']),
    oneOf('service_type', 'service_type', ['std', 'Std', 'lb']),
    byId('account_id', 'account_id', 'backup_objects'),
    byId('storage_id', 'backup_storage_id', 'backup_objects'),
    checksum('backup_objects'),
    createdAfter,
    createdBefore,
  ],
  backup_storages: [
    life,
    matching('name', 'display_name', 'backup_storages'),
    oneOf('storage_type', 'storage_type', ['local', 'Local', 'webdav', 'odd']),
    oneOf('node_id', 'node_id', ['bka.a', 'bka.A', 'none']),
    createdAfter,
    createdBefore,
  ],
  accounts: [
    life,
    matching('description', 'description', 'accounts'),
    bool('enabled', 'enabled'),
    createdAfter,
    createdBefore,
  ],
}

const COMMON = ['id', 'created_at', 'updated_at', 'deleted_at', 'created', 'updated', 'deleted']
const KEYS: Record<List, string[]> = {
  images: [
    ...COMMON,
    'name',
    'account',
    'size',
    'display_name',
    'account_id',
    'arch',
    'os_type',
    'file_format',
    'virtual_size',
    'allocation_size',
    'state',
    'is_public',
    'is_cacheable',
    'protected',
    'service_type',
    'root_device',
    'parent_image_id',
    'backup_object_id',
    'backup_storage_id',
    'checksum',
  ],
  backup_objects: [
    ...COMMON,
    'name',
    'account',
    'display_name',
    'account_id',
    'state',
    'service_type',
    'backup_storage_id',
    'container_format',
    'size',
    'allocation_size',
    'checksum',
  ],
  backup_storages: [...COMMON, 'name', 'display_name', 'storage_type', 'base_uri', 'node_id'],
  accounts: [...COMMON, 'description', 'enabled'],
}
const LONG: Readonly<Record<string, string>> = {
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
  name: 'display_name',
  account: 'account_id',
}

function keyOf(list: List, word: string): string {
  return list === 'images' && word === 'size' ? 'virtual_size' : (LONG[word] ?? word)
}

function asked(list: List, chosen: ReturnType<Filter>[], words: string[]): Asked {
  const request: Asked['request'] = Object.assign({}, ...chosen.map(({ given }) => given))
  const named = [request.state ?? []].flat().map(String)
  const asksForDead = named.includes('deleted') || (list === 'backup_objects' && named.includes('purged'))
  const isInLife: Wanted = ({ dead }) => (request.deleted ? dead === true : request.all || asksForDead ? true : !dead)
  const order = words.map((word) => {
    const [name, direction] = word.split(':') as [string, string | undefined]
    return { key: keyOf(list, name), descending: direction === 'desc' }
  })
  return {
    request,
    sort: words.length === 0 ? undefined : words.join(','),
    wanted: [isInLife, ...chosen.map(({ wanted }) => wanted)],
    order,
  }
}

/** Returns a random request with some filters, mostly few, and some sort keys. */
export function askFor(random: Random, list: List, lists: Lists): Asked {
  const part = random() * 0.35
  const chosen = FILTERS[list].filter(() => random() < part).map((filter) => filter(random, lists))
  const words: string[] = []
  while (random() < 0.6 && words.length < 4) words.push(pick(random, KEYS[list]) + pick(random, ['', ':asc', ':desc']))
  return asked(list, chosen, words)
}

/** Returns requests for each filter alone, several times, and for each sort key in both directions. */
askFor.each = (random: Random, list: List, lists: Lists): Asked[] => [
  ...FILTERS[list].flatMap((filter) => Array.from({ length: 4 }, () => asked(list, [filter(random, lists)], []))),
  ...KEYS[list].flatMap((key) => [asked(list, [], [key]), asked(list, [], [`${key}:desc`])]),
]
