import { VdcError } from '../errors.ts'
import { ByteReader } from './byte-reader.ts'
import { readOldMap, readPaxMap, type Stretch } from './tar-sparse.ts'

/*
 * What is in a tar archive, read as a stream. Format: POSIX.1-2017, pax,
 * "ustar Interchange Format" and "pax Interchange Format"; and GNU tar's manual,
 * "Basic Tar Format": https://www.gnu.org/software/tar/manual/html_node/Standard.html
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * An OVA is one as well: DMTF's Open Virtualization Format, DSP0243, "Distribution
 * as a single file": https://www.dmtf.org/standards/ovf
 */

const BLOCK = 512
/** Bytes of a pax header that are read; a real one has a few hundred. */
const PAX_LIMIT = 1024 * 1024

/** Where the fields of a header are: offset and length. */
const SIZE = [124, 12] as const
const CHECKSUM = [148, 8] as const
const TYPE = 156
/** The size of a sparse file when unpacked. */
const SPARSE_SIZE = [483, 12] as const
const NAME = [0, 100] as const
const MAGIC = 'ustar'
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
  let pax: PaxRecords = []
  for (let header = await reader.next(BLOCK); header !== undefined; header = await reader.next(BLOCK)) {
    if (header.every((byte) => byte === 0)) break
    requireChecksum(header)
    const type = String.fromCharCode(header[TYPE] as number)
    const packed = sizeIn(pax, 'size') ?? numberAt(header, ...SIZE)
    if (type === 'x') {
      if (packed > PAX_LIMIT) throw damaged()
      pax = parsePax(await reader.require(packed))
      await reader.pass(padding(packed), () => {})
      continue
    }
    // g: settings for all members; L and K: GNU's long names.
    if ('gLK'.includes(type)) {
      await reader.pass(packed + padding(packed), () => {})
    } else {
      requireFile(header, type, found)
      found = await readMember(reader, { header, type, packed, pax }, take)
    }
    pax = []
  }
  await reader.drain()
  if (found === undefined) throw refused('holds no file')
  if (found === 0) throw refused('holds an empty file')
  return found
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
  const sparse =
    type === 'S' ? { map: await readOldMap(header, reader, numberAt), taken: 0 } : await readPaxMap(pax, reader)
  const claimed = sizeIn(pax, 'GNU.sparse.realsize') ?? sizeIn(pax, 'GNU.sparse.size')
  // A size without a map says nothing of where the holes are.
  if (!sparse && claimed !== undefined && claimed !== packed) throw damaged()
  const size = sparse ? (claimed ?? numberAt(header, ...SPARSE_SIZE)) : packed
  const map = sparse?.map ?? [[0, packed]]
  requireMap(map, size, packed - (sparse?.taken ?? 0))
  for (const [start, length] of map) {
    let at = start
    await reader.pass(length, async (bytes) => {
      await take(at, bytes)
      at += bytes.length
    })
  }
  await reader.pass(padding(packed), () => {})
  return size
}

/** Makes sure that stretches follow each other within the file, and are all that is packed of it. */
function requireMap(map: readonly Stretch[], size: number, packed: number): void {
  let end = 0
  let sum = 0
  for (const [at, length] of map) {
    if (at < end || at + length > size) throw damaged()
    end = at + length
    sum += length
  }
  if (sum !== packed) throw damaged()
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

/** Records `length name=value\n`, the length counting all of its record. */
function parsePax(bytes: Buffer): PaxRecords {
  const records: PaxRecords = []
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at)
    const length = Number(bytes.subarray(at, blank).toString('latin1'))
    if (blank === -1 || !Number.isInteger(length) || length < 5 || at + length > bytes.length) break
    const record = bytes.subarray(blank + 1, at + length - 1).toString('utf8')
    records.push([record.slice(0, record.indexOf('=')), record.slice(record.indexOf('=') + 1)])
    at += length
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
