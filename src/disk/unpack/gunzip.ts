import { VdcError } from '../../core/errors.ts'
import { chunksOf } from '../file/chunks.ts'
import type { ImageFile } from '../file/image-file.ts'
import { isZero } from '../file/zeros.ts'
import type { Watcher } from '../watcher.ts'
import { endOfMembers } from './gzip-members.ts'

const CHUNK = 1024 * 1024
/** Bytes of the CRC and the length after the data of a member. */
const TRAILER = 8
/** zlib's messages for bytes after a member that do not start another one. */
const NO_MEMBER = ['incorrect header check', 'unknown compression method', 'unknown header flags set']

/**
 * Unpacks a gzip file with one or more members, like `gunzip -c`. Only zeros can follow
 * the last member: on anything else, gunzip and `tar -z` exit with 2 (dcmgr.md, "Where an
 * image's bytes are").
 *
 * @param onRead is called with the number of packed bytes after each read.
 * @throws VdcError FILE_REFUSED, without the name of the file, if data follows the last
 *   member; zlib's error if the file is damaged; the error of the cancellation.
 */
export async function* gunzip(
  file: ImageFile,
  watcher: Watcher,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const [{ Readable, pipeline }, { createGunzip }] = await Promise.all([import('node:stream'), import('node:zlib')])
  const unzipped = createGunzip({ chunkSize: CHUNK })
  pipeline(Readable.from(chunksOf(file, watcher, onRead)), unzipped, () => {})
  let length = 0
  try {
    for await (const chunk of unzipped) {
      // A small part of the file can unpack to a large amount of data.
      watcher.cancellation.throwIfRequested()
      length += chunk.length
      yield chunk
    }
  } catch (error) {
    if (await mayHaveMore(file, error as NodeJS.ErrnoException, length)) {
      const end = await endOfMembers(file, watcher)
      if (end === undefined) throw hasMore('data')
      if (end > 0 && end < file.size) throw hasMore(bytes(file.size - end))
    }
    throw error
  }
  // zlib stops at the first zero after a member, and ignores the rest.
  const end = unzipped.bytesWritten
  for await (const chunk of chunksOf(file, watcher, () => {}, end))
    if (!isZero(chunk)) throw hasMore(bytes(file.size - end))
}

/**
 * Returns whether zlib's error may be caused by data after the last member. Finding that
 * data needs a second reading of the file, so truncated files are excluded first.
 *
 * @param length unpacked bytes.
 */
async function mayHaveMore(file: ImageFile, error: NodeJS.ErrnoException, length: number): Promise<boolean> {
  if (error.code === 'Z_DATA_ERROR') return NO_MEMBER.includes(error.message)
  if (error.code !== 'Z_BUF_ERROR' || file.size < TRAILER) return false
  // zlib may treat a single last byte, such as a newline, as the start of a header. Before it is the length of the member.
  const { buffer } = await file.handle.read(Buffer.alloc(4), 0, 4, file.size - 1 - 4)
  return buffer.readUInt32LE() === length % 2 ** 32
}

function bytes(count: number): string {
  return count === 1 ? '1 byte' : `${count} bytes`
}

/** @param what follows the gzip data. */
function hasMore(what: string): VdcError {
  return new VdcError('FILE_REFUSED', `has ${what} after its gzip data, where the agents accept only zeros`, {
    hint: 'Unpack it and register the result (gunzip may warn): gunzip -c FILE > DISK',
  })
}
