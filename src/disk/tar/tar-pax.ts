import { ambiguousTar, damagedTar, shownName } from './tar-refusals.ts'

/*
 * The records of a pax header: POSIX.1-2017, pax, "pax Interchange Format":
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * Refuses a record that GNU tar fails on, and one that GNU tar ignores but other programs
 * use for the contents, the size or the name.
 */

/** Most digits in the length of a record. */
const LENGTH_DIGITS = 8
const NEWLINE = 0x0a
const EQUALS = 0x3d
const MAX_ID = 0xffffffff
const SPARSE = 'GNU.sparse.'
/** Keys of GNU tar's first sparse format: the only keys that can be repeated. */
const REPEATED = ['GNU.sparse.offset', 'GNU.sparse.numbytes']
/** Keys that other programs follow but not GNU tar: sparse files of star and Solaris, and links. */
const OTHERS = ['SCHILY.realsize', 'SUN.holesdata', 'linkpath']
/** Keys that can only describe a single member. */
const OF_ONE = ['path', 'size']

/** The checks of values on which GNU tar fails if they are malformed, by key. */
const VALID: ReadonlyMap<string, (value: string) => boolean> = new Map([
  ['path', isName],
  ['size', isSize],
  ['uid', isId],
  ['gid', isId],
  ['atime', isTime],
  ['ctime', isTime],
  ['mtime', isTime],
])

/** The records of pax headers that are used for a member. */
export interface PaxRecords {
  /** Name, one character per byte. */
  path?: string
  /** Bytes of the member in the archive. */
  size?: number
  /** The records of a sparse file in order, without `GNU.sparse.` in their keys. */
  sparse: (readonly [key: string, value: string])[]
}

/**
 * Parses the records of a pax header. Each is `length key=value\n`, and the length counts
 * the whole record.
 *
 * @param isForAll whether it is a global header, whose records apply to all members.
 * @throws VdcError FILE_REFUSED if a record is malformed or ambiguous.
 */
export function parsePax(bytes: Buffer, isForAll: boolean): PaxRecords {
  const records: PaxRecords = { sparse: [] }
  const seen = new Set<string>()
  for (let at = 0; at < bytes.length; ) {
    const { key, value, length } = recordAt(bytes, at)
    at += length
    if (seen.has(key) && !REPEATED.includes(key)) throw ambiguousTar(`the pax record ${shownName(key)} is repeated`)
    seen.add(key)
    if (isForAll && OF_ONE.includes(key)) throw ambiguousTar(`the pax record ${shownName(key)} is global`)
    takeRecord(records, key, value, isForAll)
  }
  return records
}

/** Reads the record at an offset. `length` is that of the whole record, in bytes. */
function recordAt(bytes: Buffer, at: number): { key: string; value: Buffer; length: number } {
  const digits = /^[1-9][0-9]*(?= )/.exec(bytes.toString('latin1', at, at + LENGTH_DIGITS))?.[0] ?? ''
  const length = Number(digits)
  const record = bytes.subarray(at + digits.length + 1, at + length)
  const equals = record.indexOf(EQUALS)
  if (at + length > bytes.length || equals < 1 || record.at(-1) !== NEWLINE)
    throw damagedTar('a pax record is malformed')
  const key = record.toString('latin1', 0, equals)
  if (/[\0\n]|^[ \t]/.test(key)) throw damagedTar('the key of a pax record is malformed')
  return { key, value: record.subarray(equals + 1, -1), length }
}

/** Uses a record, ignores it, or refuses it. */
function takeRecord(records: PaxRecords, key: string, bytes: Buffer, isForAll: boolean): void {
  const isValid = VALID.get(key)
  if (isValid !== undefined) {
    const value = bytes.toString('latin1')
    if (!isValid(value)) throw damagedTar(`the pax record ${shownName(`${key}=${value}`)} is malformed`)
    if (key === 'path') records.path = value
    if (key === 'size') records.size = Number(value)
    return
  }
  if (key.startsWith(SPARSE) && !isForAll) records.sparse.push([key.slice(SPARSE.length), bytes.toString('latin1')])
  else if (key.startsWith('GNU.') || OTHERS.includes(key))
    throw ambiguousTar(`only some programs know the pax record ${shownName(key)}`)
}

/** Parses a number as GNU tar writes it: decimal digits without leading zeros. Returns undefined for anything else. */
export function decimal(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

function isName(value: string): boolean {
  return value !== '' && !value.includes('\0')
}

function isSize(value: string): boolean {
  return decimal(value) !== undefined
}

function isId(value: string): boolean {
  return (decimal(value) ?? Number.POSITIVE_INFINITY) <= MAX_ID
}

function isTime(value: string): boolean {
  return /^-?[0-9]{1,15}(?:\.[0-9]{1,30})?$/.test(value)
}
