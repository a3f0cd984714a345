import { chunksOf } from '../file/chunks.ts'
import type { ImageFile } from '../file/image-file.ts'
import { isGzip } from '../formats/packed/gzip.ts'
import type { Watcher } from '../watcher.ts'

/*
 * Where the members of a gzip file end: RFC 1952, section 2.3:
 * https://www.rfc-editor.org/rfc/rfc1952
 */

/** Members that are followed: each takes a new inflater, which costs a millisecond. */
const LIMIT = 256
/** Bytes of a header, which may have a name and a comment in it. */
const HEADER_LIMIT = 128 * 1024
/** Bytes of the fixed part of a header, and of the CRC and the length after the data. */
const [FIXED, TRAILER] = [10, 8]
const FLAGS_AT = 3
const [FHCRC, FEXTRA, FNAME, FCOMMENT, RESERVED] = [0x02, 0x04, 0x08, 0x10, 0xe0]

/**
 * Returns where the last member of a gzip file ends that is followed by something
 * else. The members are not checked: this is for files that zlib refused there.
 *
 * @returns 0 if no member is whole; undefined if there are too many to follow.
 * @throws Error of zlib; what the cancellation throws.
 */
export async function endOfMembers(file: ImageFile, watcher: Watcher): Promise<number | undefined> {
  let end = 0
  for (let count = 0; count < LIMIT; count++) {
    const { buffer, bytesRead } = await file.handle.read(Buffer.alloc(HEADER_LIMIT), 0, HEADER_LIMIT, end)
    const length = headerLength(buffer.subarray(0, bytesRead))
    if (length === undefined) return end
    end += length + (await deflatedLength(file, watcher, end + length)) + TRAILER
  }
  return undefined
}

/** Bytes of the header of a member; undefined if the bytes are not a header. */
function headerLength(bytes: Buffer): number | undefined {
  const flags = bytes[FLAGS_AT] ?? RESERVED
  if (!isGzip(bytes) || flags & RESERVED || bytes.length < FIXED) return undefined
  let at = FIXED
  if (flags & FEXTRA) at += 2 + (at + 2 <= bytes.length ? bytes.readUInt16LE(at) : 0)
  for (const text of [FNAME, FCOMMENT]) {
    if (!(flags & text)) continue
    const nul = bytes.indexOf(0, at)
    if (nul === -1) return undefined
    at = nul + 1
  }
  return flags & FHCRC ? at + 2 : at
}

async function deflatedLength(file: ImageFile, watcher: Watcher, start: number): Promise<number> {
  const [{ Readable, pipeline }, { createInflateRaw }] = await Promise.all([import('node:stream'), import('node:zlib')])
  const inflated = createInflateRaw()
  pipeline(Readable.from(chunksOf(file, watcher, () => {}, start)), inflated, () => {})
  for await (const _ of inflated) watcher.cancellation.throwIfRequested()
  return inflated.bytesWritten
}
