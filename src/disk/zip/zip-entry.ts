import { damagedZip, refusedZip } from './zip-refusals.ts'

/*
 * The headers of a file in a zip archive, in the central directory and before its data: PKWARE's
 * .ZIP File Format Specification, sections 4.3 to 4.5:
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 * Numbers are little-endian.
 */

export const LOCAL = { signature: 0x04034b50, length: 30 }
export const CENTRAL = { signature: 0x02014b50, length: 46 }
/** A 32-bit number that stands for one in the extra field of zip64. */
export const IN_ZIP64 = 0xffffffff
const ZIP64 = 0x0001
/** Flags that a reader may ignore: deflate's level, and UTF-8 names. */
const HARMLESS = 0x0806
const ENCRYPTED = 0x2041
/** The sizes and the CRC follow the data, and may be 0 in the header before it. */
export const DESCRIPTOR = 0x0008
const METHODS = { 0: 'stored', 8: 'deflated' } as const
/** MS-DOS's attribute of a folder, and the type of a Unix file in the upper half of the attributes. */
const FOLDER = 0x10
const TYPE = 0o170000
const REGULAR = 0o100000
/** The type of what `zip` read from a pipe. */
const PIPED = 0o010000

/** A file in a zip archive. */
export interface ZipEntry {
  flags: number
  method: keyof typeof METHODS
  /** CRC-32 of the unpacked bytes. */
  crc: number
  /** Bytes of the packed and of the unpacked data. */
  packed: number
  unpacked: number
  /** One character per byte. */
  name: string
  /** The bytes of the header. */
  length: number
}

/** An entry of the central directory. */
export interface CentralEntry extends ZipEntry {
  /** Offset of the header before the data. */
  offset: number
  isRegular: boolean
}

/**
 * Reads an entry of the central directory.
 *
 * @throws VdcError FILE_REFUSED if it is malformed; RangeError if it is cut off.
 */
export function centralEntry(bytes: Buffer): CentralEntry {
  if (bytes.readUInt32LE(0) !== CENTRAL.signature) throw damagedZip('its directory has no entry where it should')
  const nameLength = bytes.readUInt16LE(28)
  const extraLength = bytes.readUInt16LE(30)
  const length = CENTRAL.length + nameLength + extraLength + bytes.readUInt16LE(32)
  if (length > bytes.length) throw damagedZip('its directory is cut off')
  const offset = bytes.readUInt32LE(42)
  const extraAt = CENTRAL.length + nameLength
  const extra = bytes.subarray(extraAt, extraAt + extraLength)
  const [unpacked, packed, at] = zip64Numbers(extra, [bytes.readUInt32LE(24), bytes.readUInt32LE(20), offset])
  const name = bytes.toString('latin1', CENTRAL.length, extraAt)
  const attributes = bytes.readUInt32LE(38)
  // Unix and macOS have the type of a file there; others have 0.
  const type = (attributes >>> 16) & TYPE
  const isRegular = !name.endsWith('/') && (attributes & FOLDER) === 0 && [0, REGULAR, PIPED].includes(type)
  if (bytes.readUInt16LE(34) !== 0) throw refusedZip('has several volumes')
  return { ...fields(bytes, 8), unpacked, packed, offset: at, name, length, isRegular }
}

/**
 * Reads the header before the data of a file.
 *
 * @param bytes of the file from the header on.
 * @throws VdcError FILE_REFUSED if it is malformed; RangeError if it is cut off.
 */
export function localEntry(bytes: Buffer): ZipEntry {
  if (bytes.readUInt32LE(0) !== LOCAL.signature) throw damagedZip('its file has no header')
  const extraAt = LOCAL.length + bytes.readUInt16LE(26)
  const length = extraAt + bytes.readUInt16LE(28)
  if (length > bytes.length) throw damagedZip('the header of its file is cut off')
  const extra = bytes.subarray(extraAt, length)
  const [unpacked, packed] = zip64Numbers(extra, [bytes.readUInt32LE(22), bytes.readUInt32LE(18)])
  const name = bytes.toString('latin1', LOCAL.length, extraAt)
  return { ...fields(bytes, 6), unpacked, packed, name, length }
}

/** Reads the fields that both headers have in the same order. */
function fields(bytes: Buffer, at: number): Pick<ZipEntry, 'flags' | 'method' | 'crc'> {
  const flags = bytes.readUInt16LE(at)
  const method = bytes.readUInt16LE(at + 2)
  if (flags & ENCRYPTED) throw refusedZip('is encrypted')
  if (flags & ~(HARMLESS | DESCRIPTOR)) throw refusedZip('uses features that are not supported')
  if (!Object.hasOwn(METHODS, method)) throw refusedZip(`is packed with the unsupported method ${method}`)
  return { flags, method: method as ZipEntry['method'], crc: bytes.readUInt32LE(at + 8) }
}

/**
 * Replaces the numbers that stand for one of zip64. Its extra field has only these, in their order.
 *
 * @throws VdcError FILE_REFUSED if it has fewer, or numbers that are too large.
 */
function zip64Numbers<T extends number[]>(extra: Buffer, numbers: [...T]): T {
  const wide = numbers.some((number) => number === IN_ZIP64) ? zip64Field(extra) : undefined
  let at = 0
  const whole = numbers.map((number) => {
    if (number !== IN_ZIP64) return number
    if (wide === undefined || at + 8 > wide.length) throw damagedZip('it lacks the sizes of zip64')
    const value = Number(wide.readBigUInt64LE(at))
    if (!Number.isSafeInteger(value)) throw damagedZip('its sizes are out of range')
    at += 8
    return value
  })
  return whole as T
}

function zip64Field(extra: Buffer): Buffer | undefined {
  let found: Buffer | undefined
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2)
    if (end > extra.length) throw damagedZip('an extra field is cut off')
    if (extra.readUInt16LE(at) === ZIP64) {
      if (found !== undefined) throw damagedZip('it has the sizes of zip64 twice')
      found = extra.subarray(at + 4, end)
    }
    at = end
  }
  return found
}
