import { VdcError } from '../errors.ts'

/*
 * What is in a tar archive, read as a stream. Format: POSIX.1-2017, pax,
 * "ustar Interchange Format" and "pax Interchange Format"; and GNU tar's manual,
 * "Basic Tar Format" and "Storing Sparse Files", as `tar -S` packs disk images.
 */

const BLOCK = 512
/** Bytes of a pax header that are read; a real one has a few hundred. */
const PAX_LIMIT = 1024 * 1024

/** Where the fields of a header are: offset and length. */
const SIZE = [124, 12] as const
const CHECKSUM = [148, 8] as const
const TYPE = 156
/** Of a sparse file's header: whether more of its map follows, and its size when unpacked. */
const SPARSE_MORE = 482
const SPARSE_SIZE = [483, 12] as const
/** Of a block with more of the map: whether yet another follows. */
const SPARSE_MORE_AGAIN = 504

/**
 * Measures the one file that an archive holds.
 *
 * @param bytes of the archive, unpacked; they are read to their end.
 * @returns the bytes of the file when it is unpacked.
 * @throws VdcError FILE_REFUSED, without naming the file, when the archive is
 *   damaged, empty, or holds anything besides one regular file.
 */
export async function measureOnlyMember(bytes: AsyncIterable<Buffer>): Promise<number> {
  const reader = new ByteReader(bytes)
  let found: number | undefined
  let pax: Map<string, string> = new Map()
  for (let header = await reader.next(BLOCK); header !== undefined; header = await reader.next(BLOCK)) {
    if (header.every((byte) => byte === 0)) break
    requireChecksum(header)
    const type = String.fromCharCode(header[TYPE] as number)
    const packed = sizeIn(pax, 'size') ?? numberAt(header, SIZE)
    if (type === 'x') {
      if (packed > PAX_LIMIT) throw damaged()
      pax = parsePax(await reader.require(packed))
      await reader.skip(padding(packed))
      continue
    }
    let size = sizeIn(pax, 'GNU.sparse.realsize') ?? sizeIn(pax, 'GNU.sparse.size') ?? packed
    if (type === 'S') {
      size = numberAt(header, SPARSE_SIZE)
      for (let more = header[SPARSE_MORE]; more; more = (await reader.require(BLOCK))[SPARSE_MORE_AGAIN]) {}
    }
    // g: settings for all members; L and K: GNU's long names.
    if (!'gLK'.includes(type)) {
      if (!'07S\0'.includes(type)) throw refused('holds more than a disk image: a directory, a link or a device')
      if (found !== undefined) throw refused('holds more than one file, and the agents would take the first')
      found = size
    }
    pax = new Map()
    await reader.skip(packed + padding(packed))
  }
  await reader.drain()
  if (found === undefined) throw refused('holds no file')
  if (found === 0) throw refused('holds an empty file')
  return found
}

/** Reads pieces of given lengths from a stream of chunks. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(bytes: AsyncIterable<Buffer>) {
    this.#chunks = bytes[Symbol.asyncIterator]()
  }

  /** The next `length` bytes; undefined at the end; less than that is damage. */
  async next(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = []
    let missing = length
    while (missing > 0 && (await this.#fill())) {
      const part = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(part.length)
      parts.push(part)
      missing -= part.length
    }
    if (missing === length && length > 0) return undefined
    if (missing > 0) throw damaged()
    return Buffer.concat(parts)
  }

  async require(length: number): Promise<Buffer> {
    const bytes = await this.next(length)
    if (bytes === undefined) throw damaged()
    return bytes
  }

  async skip(length: number): Promise<void> {
    for (let missing = length; missing > 0; ) {
      if (!(await this.#fill())) throw damaged()
      const taken = Math.min(missing, this.#rest.length)
      this.#rest = this.#rest.subarray(taken)
      missing -= taken
    }
  }

  async drain(): Promise<void> {
    this.#rest = Buffer.alloc(0)
    while (await this.#fill()) this.#rest = Buffer.alloc(0)
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const chunk = await this.#chunks.next()
      if (chunk.done) return false
      this.#rest = chunk.value
    }
    return true
  }
}

/** Octal digits, or with its first bit set a binary number, as GNU tar writes what octal can't hold. */
function numberAt(header: Buffer, [offset, length]: readonly [number, number]): number {
  const field = header.subarray(offset, offset + length)
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
function sizeIn(pax: ReadonlyMap<string, string>, key: string): number | undefined {
  const text = pax.get(key)
  if (text === undefined) return undefined
  if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) throw damaged()
  return Number(text)
}

function requireChecksum(header: Buffer): void {
  if (numberAt(header, CHECKSUM) !== checksumOf(header)) throw damaged()
}

/** The sum of all bytes, those of the sum itself counted as blanks. */
function checksumOf(header: Buffer): number {
  const [offset, length] = CHECKSUM
  return header.reduce((total, byte, at) => total + (at >= offset && at < offset + length ? 0x20 : byte), 0)
}

/**
 * Says whether a file begins with the header of a tar archive. Its sum tells, as
 * the oldest archives (V7) have no signature.
 *
 * @param head its first bytes, 512 or more.
 */
export function isTarHeader(head: Buffer): boolean {
  if (head.length < BLOCK) return false
  const header = head.subarray(0, BLOCK)
  const field = header.subarray(CHECKSUM[0], CHECKSUM[0] + CHECKSUM[1]).toString('latin1')
  return /^ *[0-7]+[\0 ]/.test(field) && Number.parseInt(field.trimStart(), 8) === checksumOf(header)
}

/** Records `length name=value\n`, the length counting all of its record. */
function parsePax(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at)
    const length = Number(bytes.subarray(at, blank).toString('latin1'))
    if (blank === -1 || !Number.isInteger(length) || length < 5 || at + length > bytes.length) break
    const record = bytes.subarray(blank + 1, at + length - 1).toString('utf8')
    records.set(record.slice(0, record.indexOf('=')), record.slice(record.indexOf('=') + 1))
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
