import { VdcError } from '../errors.ts'
import { ByteReader } from './byte-reader.ts'
import { readOldMap, readPaxMap, SparseMap } from './tar-sparse.ts'

/*
 * What is in a tar archive, read as a stream. Format: POSIX.1-2017, pax,
 * "ustar Interchange Format" and "pax Interchange Format"; and GNU tar's manual,
 * "Basic Tar Format": https://www.gnu.org/software/tar/manual/html_node/Standard.html
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * An OVA is one as well: DMTF's Open Virtualization Format, DSP0243, "Distribution
 * as a single file": https://www.dmtf.org/standards/ovf
 */

const BLOCK = 512
/** Bytes of a pax header; most have a few hundred, but the map of a sparse file may be in it. */
const PAX_LIMIT = 2 * 1024 * 1024
/** Bytes of GNU's long names, and of settings for all members. */
const OTHER_LIMIT = 64 * 1024
/** Headers that may come before that of a member: its own pax records, its long names, settings for all. */
const HEADERS_LIMIT = 8
/** Digits of the length of a pax record. */
const LENGTH_DIGITS = 8
const NEWLINE = 0x0a

/** Where the fields of a header are: offset and length. */
const SIZE = [124, 12] as const
const CHECKSUM = [148, 8] as const
const TYPE = 156
/** The size of a sparse file when unpacked. */
const SPARSE_SIZE = [483, 12] as const
const NAME = [0, 100] as const
const MAGIC = 'ustar'
/** The keys of pax records that matter here: how long a member is, and where its holes are. */
const [SIZE_KEY, SPARSE_KEYS] = ['size', 'GNU.sparse.']
const MAGIC_AT = 257

/** Takes bytes of the file that is being unpacked; what no call brings is zeros. */
export type TakeBytes = (at: number, bytes: Buffer) => Promise<void>

type PaxRecords = (readonly [key: string, value: string])[]

/**
 * Reads the one file that an archive holds.
 *
 * @param bytes of the archive; they are read to their end.
 * @param take is called with offsets that grow.
 * @returns the bytes that the file has when it is unpacked.
 * @throws VdcError FILE_REFUSED, without naming the archive, when it is
 *   damaged, empty, or holds anything besides one regular file.
 */
export async function readOnlyMember(bytes: AsyncIterable<Buffer>, take: TakeBytes): Promise<number> {
  const reader = new ByteReader(bytes, damaged)
  let found: number | undefined
  let before: Before = { types: '', pax: [] }
  for (let header = await reader.next(BLOCK); header !== undefined; header = await reader.next(BLOCK)) {
    if (header.every((byte) => byte === 0)) break
    requireChecksum(header)
    const type = String.fromCharCode(header[TYPE] as number)
    if ('xgLK'.includes(type)) {
      before = await readExtra(reader, header, type, before)
      continue
    }
    requireFile(header, type, found)
    const packed = sizeIn(before.pax, SIZE_KEY) ?? numberAt(header, ...SIZE)
    found = await readMember(reader, { header, type, packed, pax: before.pax }, take)
    before = { types: '', pax: [] }
  }
  await reader.drain()
  if (found === undefined) throw refused('holds no file')
  if (found === 0) throw refused('holds an empty file')
  return found
}

/** The headers that came since the last member: their types, and the pax records. */
interface Before {
  types: string
  pax: PaxRecords
}

/** Reads what a header of no member is followed by. */
async function readExtra(reader: ByteReader, header: Buffer, type: string, before: Before): Promise<Before> {
  const length = numberAt(header, ...SIZE)
  const isTooMuch = before.types.length === HEADERS_LIMIT || length > (type === 'x' ? PAX_LIMIT : OTHER_LIMIT)
  // Of two headers for one member, one program takes both and another the last.
  if (isTooMuch || (type !== 'g' && before.types.includes(type))) throw damaged()
  const body = await reader.require(length)
  await reader.pass(padding(length), () => {})
  const records = 'xg'.includes(type) ? parsePax(body) : []
  // What must be told of each member, and is told of all, is taken by some programs only.
  if (type === 'g' && records.length > 0) throw damaged()
  return { types: before.types + type, pax: [...before.pax, ...records] }
}

function requireFile(header: Buffer, type: string, found: number | undefined): void {
  if (isOvf(header)) throw new VdcError('FILE_REFUSED', OVA.why, { hint: OVA.hint })
  if (!'07S\0'.includes(type)) throw refused('holds more than a disk image: a directory, a link or a device')
  if (found !== undefined) throw refused('holds more than one file, and the agents would take the first')
}

/** Hands the bytes of a member on, and returns how many it has when it is unpacked. */
async function readMember(
  reader: ByteReader,
  { header, type, packed, pax }: { header: Buffer; type: string; packed: number; pax: PaxRecords },
  take: TakeBytes,
): Promise<number> {
  const claimed = sizeIn(pax, 'GNU.sparse.realsize') ?? sizeIn(pax, 'GNU.sparse.size')
  const map = new SparseMap(claimed ?? (type === 'S' ? numberAt(header, ...SPARSE_SIZE) : packed))
  let taken: number | undefined = 0
  if (type !== 'S') taken = await readPaxMap(map, pax, reader)
  // Two maps are one too many.
  else if (pax.some(([key]) => key.startsWith(SPARSE_KEYS))) throw damaged()
  else await readOldMap(map, header, reader, numberAt)
  if (taken === undefined) map.add(0, packed)
  // A size without a map says nothing of where the holes are.
  const isWhole = taken === undefined ? map.size === packed : map.sum === packed - taken
  if (!isWhole) throw damaged()
  for (const [start, length] of map) {
    let at = start
    await reader.pass(length, async (bytes) => {
      await take(at, bytes)
      at += bytes.length
    })
    await reader.pass(padding(length), () => {})
  }
  return map.size
}

/** Octal digits, or with its first bit set a binary number, as GNU tar writes what octal can't hold. */
function numberAt(header: Buffer, at: number, length: number): number {
  const field = header.subarray(at, at + length)
  if ((field[0] as number) & 0x80) {
    const value = BigInt(`0x${field.toString('hex')}`) - (1n << BigInt(8 * length - 1))
    if (value > Number.MAX_SAFE_INTEGER) throw damaged()
    return Number(value)
  }
  const text = field
    .toString('latin1')
    .trimStart()
    .replace(/[\0 ].*$/s, '')
  if (!/^[0-7]*$/.test(text)) throw damaged()
  return Number.parseInt(text || '0', 8)
}

/** A size in a pax header: decimal digits. */
function sizeIn(pax: PaxRecords, key: string): number | undefined {
  const text = pax.findLast(([name]) => name === key)?.[1]
  if (text === undefined) return undefined
  if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) throw damaged()
  return Number(text)
}

function requireChecksum(header: Buffer): void {
  if (numberAt(header, ...CHECKSUM) !== checksumOf(header)) throw damaged()
}

/** The sum of all bytes, those of the sum itself counted as blanks. */
function checksumOf(header: Buffer): number {
  const [offset, length] = CHECKSUM
  return header.reduce((total, byte, at) => total + (at >= offset && at < offset + length ? 0x20 : byte), 0)
}

/**
 * Says whether a file begins as a tar archive does: with `ustar` in its first
 * header (POSIX and GNU), or with the sum of one, as the oldest have no signature.
 *
 * @param head its first bytes, 512 or more.
 */
export function isTar(head: Buffer): boolean {
  if (head.length < BLOCK) return false
  if (head.toString('latin1', MAGIC_AT, MAGIC_AT + MAGIC.length) === MAGIC) return true
  const header = head.subarray(0, BLOCK)
  const field = header.subarray(CHECKSUM[0], CHECKSUM[0] + CHECKSUM[1]).toString('latin1')
  return /^ *[0-7]+[\0 ]/.test(field) && Number.parseInt(field.trimStart(), 8) === checksumOf(header)
}

/** Says whether a member's header names the descriptor of an OVA. */
export function isOvf(header: Buffer): boolean {
  return /^[^\0]*\.ovf(?:\0|$)/i.test(header.toString('latin1', ...NAME))
}

/** The refusal of an OVA. */
export const OVA = {
  why: 'is an OVA, a whole virtual machine, which the agents can not unpack',
  hint: 'Unpack it, convert the disk inside and register that: tar -xf, vdc-manage image convert',
}

/** The records that matter of those, `length name=value\n`, the length counting all of its record. */
function parsePax(bytes: Buffer): PaxRecords {
  const records: PaxRecords = []
  for (let at = 0, length = 0; at < bytes.length; at += length) {
    const digits = /^[0-9]+(?= )/.exec(bytes.toString('latin1', at, at + LENGTH_DIGITS))?.[0] ?? ''
    length = Number(digits)
    const record = bytes.subarray(at + digits.length + 1, at + length)
    const equals = record.indexOf('=')
    if (at + length > bytes.length || equals < 1 || record.at(-1) !== NEWLINE) throw damaged()
    const key = record.toString('utf8', 0, equals)
    if (key === SIZE_KEY || key.startsWith(SPARSE_KEYS))
      records.push([key, record.toString('utf8', equals + 1, record.length - 1)])
  }
  return records
}

function padding(length: number): number {
  return (BLOCK - (length % BLOCK)) % BLOCK
}

function refused(why: string): VdcError {
  return new VdcError('FILE_REFUSED', why, { hint: 'Pack one disk image alone: tar -S -czf DISK.tgz DISK.raw' })
}

function damaged(): VdcError {
  return new VdcError('FILE_REFUSED', 'is a damaged or cut off tar archive')
}
