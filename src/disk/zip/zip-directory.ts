import { readWhole, type Source } from '../file/source.ts'
import { shownName } from '../tar/tar-refusals.ts'
import {
  CENTRAL,
  type CentralEntry,
  centralEntry,
  DESCRIPTOR,
  IN_ZIP64,
  LOCAL,
  localEntry,
  type ZipEntry,
} from './zip-entry.ts'
import { damagedZip, refusedZip } from './zip-refusals.ts'

/*
 * The central directory of a zip archive (sections 4.3.12 to 4.3.16 of the specification). An archive
 * is accepted only if it is its one file, its directory and the end record, without a byte between them or
 * around them. So it cannot have another file that another program would unpack.
 */

const END = { signature: 0x06054b50, length: 22 }
const END64 = { signature: 0x06064b50, length: 56 }
const LOCATOR = { signature: 0x07064b50, length: 20 }
const DESCRIPTOR_SIGNATURE = Buffer.from('PK\x07\x08', 'latin1')
/** Bytes of the longest name, extra field or comment. */
const LONGEST = 0xffff
/** Bytes of the largest header: with name, extra field and comment. */
const HEADER_LIMIT = CENTRAL.length + 3 * LONGEST

/** Where the directory is, and how many files it has. */
interface Directory {
  count: number
  at: number
  length: number
  /** Offset of the first record after it. */
  end: number
}

/** The only file of a zip archive. */
export interface ZipFile extends CentralEntry {
  /** Offset of the packed data. */
  dataAt: number
}

/**
 * Finds the only file of a zip archive, and checks that all headers agree about it.
 *
 * @throws VdcError FILE_REFUSED, without the name of the archive, if they do not; if there is another file or
 *   anything else; if it is encrypted or no regular file. RangeError if a header is cut off.
 */
export async function onlyFile(source: Source): Promise<ZipFile> {
  const { count, at, length, end } = await directoryOf(source)
  if (at + length !== end) throw damagedZip('its directory is not where it should be')
  if (count === 0) throw refusedZip('holds no file')
  const bytes = await readWhole(source, at, Math.min(length, HEADER_LIMIT))
  const entry = centralEntry(bytes)
  if (count > 1) throw refusedZip(`holds ${count} files: ${await firstNames(entry, source, at, length)}`)
  if (entry.length !== length) throw damagedZip('its directory has a wrong length')
  if (!entry.isRegular) throw refusedZip(`holds ${shownName(entry.name)}, which is not a regular file`)
  if (entry.offset !== 0) throw damagedZip('its file is not at its start')
  const local = localEntry(await source.read(0, LOCAL.length + 2 * LONGEST))
  const dataAt = local.length
  if (!isSame(entry, local)) throw damagedZip('its headers disagree')
  const after = at - dataAt - entry.packed
  if (after < 0) throw damagedZip('its file and its directory overlap')
  const descriptor = await source.read(dataAt + entry.packed, Math.min(after, LONGEST))
  const isWhole = (local.flags & DESCRIPTOR) === 0 ? after === 0 : isDescriptor(descriptor, entry)
  if (!isWhole) throw damagedZip('it has other data between its file and its directory')
  return { ...entry, dataAt }
}

/** Returns whether the header before the data agrees with the directory. What follows the data can be 0 in it. */
function isSame(entry: CentralEntry, local: ZipEntry): boolean {
  const { flags, method, name } = local
  if (flags !== entry.flags || method !== entry.method || name !== entry.name) return false
  const isLater = (flags & DESCRIPTOR) !== 0
  return (['crc', 'packed', 'unpacked'] as const).every(
    (field) => local[field] === entry[field] || (isLater && local[field] === 0),
  )
}

/** Returns whether bytes are the CRC and the sizes that follow the data: with or without a signature, and in 4 or 8 bytes. */
function isDescriptor(bytes: Buffer, { crc, packed, unpacked }: CentralEntry): boolean {
  const sums = [false, true].map((isWide) => {
    const sizes = [packed, unpacked].map((size) => numberOf(size, isWide))
    return Buffer.concat([numberOf(crc, false), ...sizes])
  })
  return sums.some((each) => bytes.equals(each) || bytes.equals(Buffer.concat([DESCRIPTOR_SIGNATURE, each])))
}

function numberOf(value: number, isWide: boolean): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return isWide ? bytes : bytes.subarray(0, 4)
}

async function firstNames(first: CentralEntry, source: Source, at: number, length: number): Promise<string> {
  const left = Math.min(length - first.length, HEADER_LIMIT)
  const second = centralEntry(await readWhole(source, at + first.length, left))
  return `${shownName(first.name)}, ${shownName(second.name)} …`
}

/** Reads the end record, and that of zip64. */
async function directoryOf(source: Source): Promise<Directory> {
  const length = Math.min(source.size, END.length + LONGEST)
  const start = source.size - length
  const tail = await readWhole(source, start, length)
  const inTail = tail.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (inTail === -1 || inTail + END.length > tail.length) throw damagedZip('it has no directory at its end')
  const end = tail.subarray(inTail)
  if (end.length !== END.length + end.readUInt16LE(20)) throw damagedZip('it has other data after its end')
  const endAt = start + inTail
  const [disk, directoryDisk, onDisk, count] = [4, 6, 8, 10].map((at) => end.readUInt16LE(at)) as [
    number,
    number,
    number,
    number,
  ]
  const directory = { count, length: end.readUInt32LE(12), at: end.readUInt32LE(16), end: endAt }
  const isWide = count === LONGEST || directory.length === IN_ZIP64 || directory.at === IN_ZIP64
  const locator = await source.read(endAt - LOCATOR.length, LOCATOR.length)
  const hasLocator = locator.length === LOCATOR.length && locator.readUInt32LE(0) === LOCATOR.signature
  if (hasLocator) return directory64(source, directory, locator)
  if (isWide) throw damagedZip('it lacks the directory of zip64')
  if (disk !== 0 || directoryDisk !== 0 || onDisk !== count) throw refusedZip('has several volumes')
  return directory
}

/** Reads the end record of zip64, which is before its locator and the other end record, and must agree with that. */
async function directory64(source: Source, other: Directory, locator: Buffer): Promise<Directory> {
  const at = other.end - LOCATOR.length - END64.length
  const record = await readWhole(source, Math.max(at, 0), END64.length)
  const isHere = locator.readBigUInt64LE(8) === BigInt(at) && record.readUInt32LE(0) === END64.signature
  if (!isHere || record.readBigUInt64LE(4) !== BigInt(END64.length - 12))
    throw damagedZip('its zip64 records are not where they should be')
  const [onDisk, count, length, start] = [24, 32, 40, 48].map((field) => Number(record.readBigUInt64LE(field))) as [
    number,
    number,
    number,
    number,
  ]
  const isOne = locator.readUInt32LE(4) === 0 && locator.readUInt32LE(16) <= 1 && record.readUInt32LE(16) === 0
  if (!isOne || record.readUInt32LE(20) !== 0 || onDisk !== count) throw refusedZip('has several volumes')
  const pairs: [number, number, number][] = [
    [other.count, count, LONGEST],
    [other.length, length, IN_ZIP64],
    [other.at, start, IN_ZIP64],
  ]
  if (pairs.some(([short, wide, stands]) => short !== stands && short !== wide))
    throw damagedZip('its headers disagree')
  return { count, length, at: start, end: at }
}
