import { VdcError } from '../../core/errors.ts'
import { chunksOf } from '../file/chunks.ts'
import type { ImageFile } from '../file/image-file.ts'
import { isGzip } from '../formats/packed/gzip.ts'
import { readOnlyMember, type TakeBytes } from '../tar/tar.ts'
import { isTar, looksCompressed } from '../tar/tar-header.ts'
import { ambiguousTar } from '../tar/tar-refusals.ts'
import type { Watcher } from '../watcher.ts'
import { gunzip } from './gunzip.ts'

/** Bytes that tell a tar archive. */
const TAR_HEAD = 512

/** How a disk image is packed, and the bytes that it has when it is unpacked. */
export interface Packing {
  /** A container format of dcmgr: `gz`, `tar` or `tgz`. */
  containerFormat: 'gz' | 'tar' | 'tgz'
  unpackedSize: number
}

/**
 * Unpacks a gzip file or a tar archive as a stream, to its end, exactly as the
 * agents do with `gunzip` and GNU tar (dcmgr.md, "Where an image's bytes are");
 * memory does not grow with it.
 *
 * @param take is called with growing offsets; what it throws ends the reading.
 * @throws VdcError FILE_REFUSED, without naming the file, if it is damaged, an
 *   archive of anything but one file, or something that the agents would unpack
 *   in another way; what `take` or the cancellation throws.
 */
export async function unpack(file: ImageFile, take: TakeBytes, watcher: Watcher): Promise<Packing> {
  const task = watcher.progress.begin('Unpacking', file.size)
  const onRead = (bytes: number) => task.advance(bytes)
  let chunks: AsyncGenerator<Buffer> | undefined
  try {
    const { buffer, bytesRead } = await file.handle.read(Buffer.alloc(TAR_HEAD), 0, TAR_HEAD, 0)
    const start = buffer.subarray(0, bytesRead)
    if (!isGzip(start)) {
      if (looksCompressed(start, file.path))
        throw ambiguousTar('without a signature, GNU tar takes it for something compressed')
      chunks = chunksOf(file, watcher, onRead)
      return { containerFormat: 'tar', unpackedSize: await readOnlyMember(chunks, take) }
    }
    chunks = gunzip(file, watcher, onRead)
    const [inner, unpacked] = await beginningOf(chunks)
    if (isTar(inner)) return { containerFormat: 'tgz', unpackedSize: await readOnlyMember(unpacked, take) }
    let unpackedSize = 0
    for await (const chunk of unpacked) {
      await take(unpackedSize, chunk)
      unpackedSize += chunk.length
    }
    if (unpackedSize === 0) throw new VdcError('FILE_REFUSED', 'holds nothing')
    return { containerFormat: 'gz', unpackedSize }
  } catch (error) {
    if (error instanceof VdcError) throw error
    // What zlib says of broken data.
    throw new VdcError('FILE_REFUSED', `is damaged or cut off: ${(error as Error).message}`, { cause: error })
  } finally {
    // Nothing reads the file any more, however this ends.
    await chunks?.return(undefined)
    task.end()
  }
}

/** The first bytes, as many as tell a tar archive, and all of them once more. */
async function beginningOf(chunks: AsyncGenerator<Buffer>): Promise<[Buffer, AsyncGenerator<Buffer>]> {
  const parts: Buffer[] = []
  for (let length = 0; length < TAR_HEAD; ) {
    const chunk = await chunks.next()
    if (chunk.done) break
    parts.push(chunk.value)
    length += chunk.value.length
  }
  const first = Buffer.concat(parts)
  async function* all() {
    yield first
    yield* chunks
  }
  return [first, all()]
}
