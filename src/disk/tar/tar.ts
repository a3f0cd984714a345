import { VdcError } from '../../core/errors.ts'
import { ByteReader } from '../file/byte-reader.ts'
import { isZero } from '../file/zeros.ts'
import { BLOCK, readHeader, requirePlainHeader, type TarHeader } from './tar-header.ts'
import { isOvf, OVA, requireDiskName } from './tar-names.ts'
import { type PaxRecords, parsePax } from './tar-pax.ts'
import { ambiguousTar, damagedTar, namingMember, refusedTar, shownName } from './tar-refusals.ts'
import { readOldMap, readPaxMap, SparseMap } from './tar-sparse.ts'

/*
 * Reads a tar archive as a stream. The agents unpack it with GNU tar in an empty folder,
 * and use the first entry that is not hidden (dcmgr.md, "Where an image's bytes are"). An
 * archive is accepted only if that entry is the file that is read here. Anything that GNU
 * tar fails on, skips, or reads differently from other programs is refused.
 */

/** Bytes of a pax header; most have a few hundred, but it can contain the map of a sparse file. */
const PAX_LIMIT = 2 * 1024 * 1024
/** Bytes of GNU's long name, and of a global pax header. */
const OTHER_LIMIT = 64 * 1024
/** Headers before the header of a member: pax, long name and global pax headers. */
const HEADERS_LIMIT = 8

/** Receives bytes of the file that is being unpacked, with their offset. Bytes that are never passed are zeros. */
export type TakeBytes = (at: number, bytes: Buffer) => Promise<void>

/**
 * Reads the only file of an archive. The archive can also have a `./` entry.
 *
 * @param bytes of the archive; read to their end.
 * @param take is called with increasing offsets.
 * @returns the size of the unpacked file in bytes.
 * @throws VdcError FILE_REFUSED, without the name of the archive, if it is damaged,
 *   empty, or contains anything but one regular file at the top level.
 */
export async function readOnlyMember(bytes: AsyncIterable<Buffer>, take: TakeBytes): Promise<number> {
  let reading: string | undefined
  const reader = new ByteReader(bytes, () => damagedTar(reading && `it ends within ${shownName(reading)}`))
  let disk: Disk | undefined
  let hasFolder = false
  let before = NOTHING
  for (let block = await reader.next(BLOCK); block !== undefined; block = await reader.next(BLOCK)) {
    if (isZero(block)) break
    const header = readHeader(block)
    const { type } = header
    if ('xgL'.includes(type)) {
      const extra = before
      before = await namingMember(header.name, () => readExtra(reader, header, extra))
      continue
    }
    const extra = before
    const member = await namingMember(header.name, () => memberOf(header, extra))
    if (isOvf(member.name)) throw new VdcError('FILE_REFUSED', OVA.why, { hint: OVA.hint })
    before = NOTHING
    reading = undefined
    if (isTopFolder(member) && !hasFolder) {
      requireEmpty(member)
      hasFolder = true
      continue
    }
    if (disk !== undefined && '07S\0'.includes(type)) {
      const names = `${shownName(disk.name)} and ${shownName(member.name)}`
      throw refusedTar(`holds more than one file: ${names}`)
    }
    requireDiskName(member.name, type)
    reading = member.name
    disk = { name: member.name, size: await readMember(reader, member, take) }
  }
  return sizeAtEnd(reader, disk, before)
}

/** Reads an archive to its end after the last member, and returns the size of its file (`readOnlyMember`). */
async function sizeAtEnd(reader: ByteReader, disk: Disk | undefined, before: Before): Promise<number> {
  const isClean = await reader.hasOnlyZeros()
  if (disk === undefined) throw refusedTar('holds no file')
  if (before.types !== '') throw damagedTar(`a header after ${shownName(disk.name)} belongs to no member`)
  if (!isClean) throw refusedTar(`has data after its end mark; the agents would unpack only ${shownName(disk.name)}`)
  if (reader.position % BLOCK !== 0) throw damagedTar('its last block is incomplete')
  if (disk.size === 0) throw refusedTar('holds an empty file')
  return disk.size
}

/** The file of an archive. */
interface Disk {
  /** One character per byte. */
  name: string
  /** Bytes of the unpacked file. */
  size: number
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
interface Member {
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

/** Returns whether a member is the top folder, as in `tar -cf OUT .`. */
function isTopFolder({ header: { type, format }, name }: Member): boolean {
  // The v7 format marks a folder only by a slash at the end of its name.
  return (type === '5' && ['.', './'].includes(name)) || (format === 'v7' && type === '\0' && name === './')
}

function requireEmpty({ name, packed, sparse }: Member): void {
  if (packed > 0 || sparse.length > 0) throw damagedTar(`the directory ${shownName(name)} has contents`)
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
