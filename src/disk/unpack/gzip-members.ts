import { chunksOf } from '../file/chunks.ts'
import type { ImageFile } from '../file/image-file.ts'
import { isGzip } from '../formats/packed/gzip.ts'
import type { Watcher } from '../watcher.ts'

/*
 * Where the members of a gzip file end: RFC 1952, section 2.3:
 * https://www.rfc-editor.org/rfc/rfc1952
 */

/** Members that are followed at most: each needs a new inflater, which takes a millisecond. */
const LIMIT = 256
/** Bytes of a header that are read; it can contain a name and a comment. */
const HEADER_LIMIT = 128 * 1024
/** Bytes of the fixed part of a header. */
const FIXED = 10
/** Bytes of the CRC and the length after the data. */
const TRAILER = 8
const FLAGS_AT = 3
/** The flags of a header, by their names in the RFC. */
const FHCRC = 0x02
const FEXTRA = 0x04
const FNAME = 0x08
const FCOMMENT = 0x10
const RESERVED = 0xe0

/**
 * Finds the end of the last complete member of a gzip file, for files that zlib refused
 * because of the data after it. Checksums are not checked.
 *
 * @returns its offset; 0 if no member is complete; undefined if there are too many.
 * @throws zlib's error if a member is damaged; the error of the cancellation.
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

/** Returns the length of the header of a member, or undefined if there is no header. */
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
