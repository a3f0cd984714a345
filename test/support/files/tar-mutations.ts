import { choices } from '../choices.ts'
import type { Random } from '../finding/finding.ts'
import {
  BLOCK,
  type Entry,
  entryBytes,
  type Field,
  longName,
  MAGICS,
  newEntry,
  paxEntry,
  paxRecord,
} from './tar-bytes.ts'
import type { Draft } from './tar-drafts.ts'
import { KEYS, NAMES, NUMBERS, TYPES } from './tar-values.ts'

/* Mutations of archives that no program writes: odd numbers, names, types, records, members and ends. */

type Mutation = (draft: Draft, random: Random) => void

/** Returns mostly the entry of the disk, otherwise any entry. */
function someEntry(draft: Draft, random: Random): Entry {
  const { pick, chance } = choices(random)
  return (chance(0.6) ? draft.entries[draft.disk] : pick(draft.entries)) as Entry
}

const setField = (draft: Draft, random: Random, field: Field, values: readonly string[]) => {
  const value = choices(random).pick(values)
  someEntry(draft, random).fields[field] = value
  draft.story.push(`${field} is ${JSON.stringify(value)}`)
}

const addEntry = (draft: Draft, random: Random, entry: Entry, story: string) => {
  const { pick } = choices(random)
  const at = pick([0, draft.disk, draft.disk, draft.entries.length])
  draft.entries.splice(at, 0, entry)
  if (at <= draft.disk) draft.disk++
  draft.story.push(`${story} at ${at}`)
}

/** Returns the pax header of the disk. Adds one if there is none. */
function paxOf(draft: Draft): Entry {
  const before = draft.entries[draft.disk - 1]
  if (before?.fields.type === 'x') return before
  const made = paxEntry('')
  draft.entries.splice(draft.disk, 0, made)
  draft.disk++
  return made
}

/** Functions that change one thing each, and add it to the story. */
export const MUTATIONS: Mutation[] = [
  (draft, random) => setField(draft, random, 'name', NAMES),
  (draft, random) => setField(draft, random, 'name', NAMES),
  (draft, random) => setField(draft, random, 'size', NUMBERS(12)),
  (draft, random) => setField(draft, random, 'size', NUMBERS(12)),
  (draft, random) => {
    const field = choices(random).pick(['mode', 'uid', 'gid'] as const)
    setField(draft, random, field, NUMBERS(8))
  },
  (draft, random) => setField(draft, random, 'mtime', NUMBERS(12)),
  (draft, random) => setField(draft, random, 'realsize', NUMBERS(12)),
  (draft, random) => setField(draft, random, 'type', [...TYPES]),
  (draft, random) =>
    setField(draft, random, 'magic', ['', MAGICS.posix, MAGICS.gnu, 'ustar', 'ustar ', 'ustar\u000001', 'USTAR', 'x']),
  (draft, random) => setField(draft, random, 'prefix', ['d', '.', '..', '/', 'd/e', '\0d', 'p'.repeat(155)]),
  (draft, random) =>
    setField(draft, random, 'starTimes', [
      '14700000000 14700000000 ',
      '1x           14700000000 ',
      '1',
      '8'.repeat(24),
    ]),
  (draft, random) => setField(draft, random, 'linkname', ['disk.raw', '/etc/passwd', '..']),
  (draft, random) => {
    const { pick, below } = choices(random)
    const at = pick([329, 337, 345, 357, 369, 381, 385, 386, 398, 410, 482, 483, 495, 500, 511, 257 + below(255)])
    someEntry(draft, random).patches.push([at, pick(['\x01', '1', '00000001000\0', '\xff', ' '])])
    draft.story.push(`junk at ${at}`)
  },
  (draft, random) => {
    const way = choices(random).pick(['signed', 'spaces', 'short', 'wrong'] as const)
    const entry = someEntry(draft, random)
    entry.checksum = way
    if (way === 'signed') entry.fields.uname = 'caf\xe9'
    draft.story.push(`checksum ${way}`)
  },
  (draft, random) => {
    someEntry(draft, random).fill = 0x41
    draft.story.push('padding is not zero')
  },
  ...Array.from({ length: 4 }, (): Mutation => addRecord),
  breakRecords,
  breakRecords,
  (draft, random) => {
    const { pick } = choices(random)
    const type = pick(['L', 'L', 'K', 'x', 'g'])
    const name = pick(NAMES)
    const entry = 'LK'.includes(type) ? longName(name, type) : paxEntry(pick(['', paxRecord('comment', 'x')]), type)
    if (pick([true, false]) && type === 'L')
      entry.body = Buffer.from(pick([name, `${name}\0\0`, `${name}\0x\0`]), 'latin1')
    addEntry(draft, random, entry, `header ${type} ${JSON.stringify(name)}`)
  },
  (draft, random) => {
    const { pick } = choices(random)
    const [name, type, body] = pick([
      ['./', '5', ''],
      ['.', '5', ''],
      ['./', '0', ''],
      ['./', '5', 'x'.repeat(512)],
      ['d/', '5', ''],
      ['.d/', '5', ''],
      ['.hidden', '0', 'x'],
      ['second', '0', 'x'.repeat(600)],
      ['disk.raw', '0', 'y'.repeat(700)],
      ['a', '2', ''],
      ['disk.raw', '1', ''],
      ['fifo', '6', ''],
      ['label', 'V', ''],
    ] as [string, string, string][])
    const fields = { type, magic: pick(Object.values(MAGICS)), linkname: 'disk.raw' }
    addEntry(draft, random, newEntry(name, Buffer.from(body), fields), `member ${name} of type ${type}`)
  },
  (draft, random) => {
    const { pick } = choices(random)
    const end = Buffer.alloc(2 * BLOCK)
    const [story, tail] = pick<[string, Buffer]>([
      ['no end mark', Buffer.alloc(0)],
      ['one zero block', Buffer.alloc(BLOCK)],
      ['an unaligned end', Buffer.alloc(1300)],
      ['junk after one zero block', Buffer.concat([Buffer.alloc(BLOCK), Buffer.alloc(BLOCK, 'x')])],
      ['junk after the end', Buffer.concat([end, Buffer.from('x')])],
      ['another archive after the end', Buffer.concat([end, ...draft.entries.map(entryBytes), end])],
      ['a member after one zero block', Buffer.concat([Buffer.alloc(BLOCK), ...draft.entries.map(entryBytes), end])],
      ['junk long after the end', Buffer.concat([Buffer.alloc(30 * BLOCK), Buffer.alloc(BLOCK, 'x')])],
      ['part of a header', Buffer.alloc(100, 'x')],
    ])
    draft.tail = tail
    draft.story.push(story)
  },
  (draft) => {
    draft.entries.splice(
      0,
      0,
      ...structuredClone(draft.entries).map((entry) => ({ ...entry, body: Buffer.from(entry.body) })),
    )
    draft.disk += draft.entries.length / 2
    draft.story.push('everything twice')
  },
  (draft) => {
    draft.entries.splice(draft.disk, 1)
    draft.disk = Math.max(0, draft.entries.length - 1)
    if (draft.entries.length === 0) draft.entries.push(newEntry('e', Buffer.alloc(0)))
    draft.story.push('without the disk')
  },
]

function addRecord(draft: Draft, random: Random): void {
  const { pick } = choices(random)
  const [key, values] = pick(KEYS)
  const record = Buffer.from(paxRecord(key, pick(values)), 'latin1')
  if (pick([true, true, true, false])) {
    const pax = paxOf(draft)
    pax.body = Buffer.concat(pick([true, false]) ? [record, pax.body] : [pax.body, record])
  } else addEntry(draft, random, { ...paxEntry('', 'g'), body: record }, 'global')
  draft.story.push(`record ${JSON.stringify(record.toString('latin1'))}`)
}

function breakRecords(draft: Draft, random: Random): void {
  const { below, pick } = choices(random)
  const pax = paxOf(draft)
  const text = pax.body.toString('latin1')
  const records = text.match(/[^\n]*\n/g) ?? []
  const some = pick(records.length > 0 ? records : [paxRecord('path', 'y')])
  const [what, changed] = pick<[string, string]>([
    ['a record twice', text + some],
    ['a record repeated in front', some + text],
    ['records reversed', [...records].reverse().join('')],
    ['a record missing', text.replace(some, '')],
    ['a leading zero', `0${text}`],
    ['a leading space', ` ${text}`],
    ['NULs at the end', `${text}\0\0\0`],
    ['a NUL record and more', `${text}\0${paxRecord('path', 'hidden')}`],
    ['two spaces', text.replace(' ', '  ')],
    ['a tab', text.replace(' ', '\t')],
    ['no newline', text.slice(0, -1)],
    ['no equals sign', text.replace('=', ':')],
    ['a number changed', text.replace(/[0-9](?=[^ ]*\n)/, () => String(below(10)))],
    ['a leading zero in a value', text.replace(/=([0-9])/, '=0$1').replace(/^[0-9]+/, (digits) => String(+digits + 1))],
    ['a wrong length', text.replace(/^[0-9]+/, (digits) => String(+digits + pick([1, -1, 100])))],
    ['empty', ''],
  ])
  pax.body = Buffer.from(changed, 'latin1')
  draft.story.push(what)
}
