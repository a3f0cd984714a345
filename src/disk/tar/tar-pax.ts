import { ambiguousTar, damagedTar, shownName } from './tar-refusals.ts'

/*
 * The records of a pax header: POSIX.1-2017, pax, "pax Interchange Format":
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * A record that GNU tar fails on is refused, and so is one that GNU tar ignores
 * although another program takes the contents, the size or the name from it.
 */

/** Digits of the length of a record. */
const LENGTH_DIGITS = 8
const [NEWLINE, EQUALS] = [0x0a, 0x3d]
const MAX_ID = 0xffffffff
const SPARSE = 'GNU.sparse.'
/** Keys of the first form of sparse files, the only ones that may come more than once. */
const REPEATED = ['GNU.sparse.offset', 'GNU.sparse.numbytes']
/** Keys that other programs than GNU tar follow: star's sparse files, Solaris's, and a link. */
const OTHERS = ['SCHILY.realsize', 'SUN.holesdata', 'linkpath']
/** Keys that say what only one member can have. */
const OF_ONE = ['path', 'size']

/** The records of pax headers that matter for a member. */
export interface PaxRecords {
  /** One character per byte. */
  path?: string
  /** Bytes of the member as it is packed. */
  size?: number
  /** The records of a sparse file, without `GNU.sparse.`, in their order. */
  sparse: (readonly [key: string, value: string])[]
}

/**
 * Reads the records of a header, `length key=value\n`; the length counts the whole record.
 *
 * @param isForAll whether it is a global header, whose records hold for all members.
 * @throws VdcError FILE_REFUSED.
 */
export function parsePax(bytes: Buffer, isForAll: boolean): PaxRecords {
  const records: PaxRecords = { sparse: [] }
  const seen = new Set<string>()
  for (let at = 0, length = 0; at < bytes.length; at += length) {
    const digits = /^[1-9][0-9]*(?= )/.exec(bytes.toString('latin1', at, at + LENGTH_DIGITS))?.[0] ?? ''
    length = Number(digits)
    const record = bytes.subarray(at + digits.length + 1, at + length)
    const equals = record.indexOf(EQUALS)
    if (at + length > bytes.length || equals < 1 || record.at(-1) !== NEWLINE)
      throw damagedTar('a pax record is malformed')
    const key = record.toString('latin1', 0, equals)
    if (/[\0\n]|^[ \t]/.test(key)) throw damagedTar('the key of a pax record is malformed')
    if (seen.has(key) && !REPEATED.includes(key)) throw ambiguousTar(`the pax record ${shownName(key)} is repeated`)
    seen.add(key)
    if (isForAll && OF_ONE.includes(key)) throw ambiguousTar(`the pax record ${shownName(key)} is global`)
    takeRecord(records, key, record.subarray(equals + 1, -1), isForAll)
  }
  return records
}

function takeRecord(records: PaxRecords, key: string, bytes: Buffer, isForAll: boolean): void {
  const value = () => bytes.toString('latin1')
  const malformed = () => damagedTar(`the pax record ${shownName(`${key}=${value()}`)} is malformed`)
  if (key === 'path') {
    records.path = value()
    if (records.path === '' || records.path.includes('\0')) throw malformed()
  } else if (key === 'size') {
    const size = decimal(value())
    if (size === undefined) throw malformed()
    records.size = size
  } else if (['uid', 'gid'].includes(key)) {
    if ((decimal(value()) ?? Number.POSITIVE_INFINITY) > MAX_ID) throw malformed()
  } else if (['atime', 'ctime', 'mtime'].includes(key)) {
    if (!/^-?[0-9]{1,15}(?:\.[0-9]{1,30})?$/.test(value())) throw malformed()
  } else if (key.startsWith(SPARSE) && !isForAll) records.sparse.push([key.slice(SPARSE.length), value()])
  else if (key.startsWith('GNU.') || OTHERS.includes(key))
    throw ambiguousTar(`only some know the pax record ${shownName(key)}`)
}

/** A number as GNU tar writes it: decimal digits without leading zeros. Returns undefined for everything else. */
export function decimal(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}
