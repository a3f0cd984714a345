import { ByteReader } from '../file/byte-reader.ts'
import { isZero } from '../file/zeros.ts'
import { BLOCK, readHeader, requirePlainHeader, type TarHeader } from './tar-header.ts'
import { type PaxRecords, parsePax } from './tar-pax.ts'
import { ambiguousTar, damagedTar, namingMember, refusedTar, shownName } from './tar-refusals.ts'
import { readOldMap, readPaxMap, SparseMap } from './tar-sparse.ts'

/** Bytes of a pax header; most have a few hundred, but it can contain the map of a sparse file. */
const PAX_LIMIT = 2 * 1024 * 1024
/** Bytes of GNU's long name, and of a global pax header. */
const OTHER_LIMIT = 64 * 1024
/** Headers before the header of a member: pax, long name and global pax headers. */
const HEADERS_LIMIT = 8

/** Receives bytes of the file that is being unpacked, with their offset. Bytes that are never passed are zeros. */
export type TakeBytes = (at: number, bytes: Buffer) => Promise<void>

/** Reads the members of an archive one after the other. The data of each must be read before the next. */
export class TarMembers {
  readonly #reader: ByteReader
  /** The member whose data is read, for messages. */
  #reading: string | undefined
  #before = NOTHING

  constructor(bytes: AsyncIterable<Buffer>) {
    const cut = () => damagedTar(this.#reading && `it ends within ${shownName(this.#reading)}`)
    this.#reader = new ByteReader(bytes, cut)
  }

  /**
   * Returns the next member; undefined at the end mark, or at the end of the archive.
   *
   * @throws VdcError FILE_REFUSED, without the name of the archive.
   */
  async next(): Promise<Member | undefined> {
    const reader = this.#reader
    for (let block = await reader.next(BLOCK); block !== undefined; block = await reader.next(BLOCK)) {
      if (isZero(block)) return undefined
      const header = readHeader(block)
      const before = this.#before
      if ('xgL'.includes(header.type)) {
        this.#before = await namingMember(header.name, () => readExtra(reader, header, before))
        continue
      }
      const member = await namingMember(header.name, () => memberOf(header, before))
      this.#before = NOTHING
      this.#reading = undefined
      return member
    }
    return undefined
  }

  /** Passes the bytes of a member to `take`, and returns its unpacked size. */
  async read(member: Member, take: TakeBytes): Promise<number> {
    this.#reading = member.name
    return readMember(this.#reader, member, take)
  }

  /** Yields the bytes of a member that is not sparse. */
  async *bytesOf({ name, packed }: Member): AsyncGenerator<Buffer> {
    this.#reading = name
    yield* this.#reader.pieces(packed)
    await this.#reader.pass(padding(packed), () => {})
  }

  /**
   * Reads the archive to its end after the last member.
   *
   * @param name of the file in it; undefined if there was none.
   * @throws VdcError FILE_REFUSED if there is anything else.
   */
  async requireEnd(name: string | undefined): Promise<void> {
    const isClean = await this.#reader.hasOnlyZeros()
    if (name === undefined) throw refusedTar('holds no file')
    if (this.#before.types !== '') throw damagedTar(`a header after ${shownName(name)} belongs to no member`)
    if (!isClean) throw refusedTar(`has data after its end mark; the agents would unpack only ${shownName(name)}`)
    if (this.#reader.position % BLOCK !== 0) throw damagedTar('its last block is incomplete')
  }
}

/** The headers since the last member: their types, and what they say about the next one. */
interface Before extends PaxRecords {
  types: string
  longName?: string
}
const NOTHING: Before = { types: '', sparse: [] }

/** Reads the data of a header that describes the next member, or all members. */
async function readExtra(reader: ByteReader, { type, size }: TarHeader, before: Before): Promise<Before> {
  if (before.types.length === HEADERS_LIMIT) throw damagedTar('it has too many headers in a row')
  if (size > (type === 'x' ? PAX_LIMIT : OTHER_LIMIT)) throw damagedTar('a header is too long')
  // Of two headers for one member, some programs use both, and others only the last.
  if (before.types.includes(type)) throw ambiguousTar('a member has two headers of the same kind')
  const body = await reader.require(size)
  await reader.pass(padding(size), () => {})
  const types = before.types + type
  if (type === 'L') return { ...before, types, longName: longNameIn(body) }
  const records = parsePax(body, type === 'g')
  return type === 'g' ? { ...before, types } : { ...before, ...records, types }
}

/** Reads GNU's long name: ended by a NUL, which old programs omit. */
function longNameIn(body: Buffer): string {
  const name = body.toString('latin1').replace(/\0$/, '')
  if (name.includes('\0')) throw damagedTar('a long name is malformed')
  return name
}

/** A member, described by its header and the headers before it. */
export interface Member {
  header: TarHeader
  /** One character per byte. */
  name: string
  /** Bytes of its data in the archive. */
  packed: number
  sparse: PaxRecords['sparse']
}

function memberOf(header: TarHeader, { path, longName, size, sparse }: Before): Member {
  requirePlainHeader(header)
  if (path !== undefined && longName !== undefined) throw ambiguousTar('a member has two names')
  const real = sparse.find(([key]) => key === 'name')?.[1]
  if (real?.includes('\0')) throw damagedTar('a name is malformed')
  // For programs that do not know sparse files, GNU tar stores another name in the header.
  return { header, name: real ?? path ?? longName ?? header.name, packed: size ?? header.size, sparse }
}

/** Passes the bytes of a member to `take`, and returns its unpacked size. */
async function readMember(reader: ByteReader, member: Member, take: TakeBytes): Promise<number> {
  const { map, taken } = await namingMember(member.name, () => mapOf(reader, member))
  if (map.sum !== member.packed - taken) throw damagedTar(`the size of ${shownName(member.name)} is wrong`)
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

async function mapOf(reader: ByteReader, member: Member): Promise<{ map: SparseMap; taken: number }> {
  const { header, packed, sparse } = member
  const { type, format, isStar, block } = header
  // GNU tar reads a map only in the format that it belongs to; in another one it is contents.
  const ambiguous = () => ambiguousTar('its holes are not stored the way its format stores them', true)
  if (type === 'S') {
    if (format !== 'gnu' || sparse.length > 0 || packed !== header.size) throw ambiguous()
    return { map: await readOldMap(block, reader), taken: 0 }
  }
  if (sparse.length > 0) {
    if (type !== '0' || format !== 'posix' || isStar) throw ambiguous()
    return readPaxMap(sparse, reader)
  }
  const map = new SparseMap(packed)
  map.add(0, packed)
  return { map, taken: 0 }
}

function padding(length: number): number {
  return (BLOCK - (length % BLOCK)) % BLOCK
}
