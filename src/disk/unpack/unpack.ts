import { VdcError } from '../../core/errors.ts'
import { chunksOf } from '../file/chunks.ts'
import type { ImageFile } from '../file/image-file.ts'
import { FETCH_AGAIN } from '../file/source.ts'
import { isGzip } from '../formats/packed/gzip.ts'
import { readOnlyMember, type TakeBytes } from '../tar/tar.ts'
import { isTar, looksCompressed } from '../tar/tar-header.ts'
import { ambiguousTar } from '../tar/tar-refusals.ts'
import type { Watcher } from '../watcher.ts'
import { gunzip } from './gunzip.ts'

/** Bytes needed to recognise a tar archive. */
const TAR_HEAD = 512

/** How a disk image is packed. */
export interface Packing {
  /** A container format of dcmgr: `gz`, `tar` or `tgz`. */
  containerFormat: 'gz' | 'tar' | 'tgz'
  /** Size of the unpacked disk image in bytes. */
  unpackedSize: number
}

/**
 * Unpacks a gzip file or a tar archive to its end, exactly as the agents do with `gunzip`
 * and GNU tar (dcmgr.md, "Where an image's bytes are"). It is read as a stream: memory does
 * not grow with its size.
 *
 * @param take is called with increasing offsets; an error that it throws ends the reading.
 * @param onFormat is called with the container format as soon as it is known, even if the rest is
 *   damaged; for `tgz` it is called with `gz` first.
 * @throws VdcError FILE_REFUSED, without the name of the file, if it is damaged, is an
 *   archive of anything but one file, or would be unpacked differently by the agents; the
 *   errors of `take` and of the cancellation.
 */
export async function unpack(
  file: ImageFile,
  take: TakeBytes,
  watcher: Watcher,
  onFormat: (format: Packing['containerFormat']) => void = () => {},
): Promise<Packing> {
  const task = watcher.progress.begin('Unpacking', file.size)
  const onRead = (bytes: number) => task.advance(bytes)
  let chunks: AsyncGenerator<Buffer> | undefined
  try {
    const { buffer, bytesRead } = await file.handle.read(Buffer.alloc(TAR_HEAD), 0, TAR_HEAD, 0)
    const start = buffer.subarray(0, bytesRead)
    if (!isGzip(start)) {
      if (looksCompressed(start, file.path))
        throw ambiguousTar('it has no signature, and GNU tar treats it as compressed')
      onFormat('tar')
      chunks = chunksOf(file, watcher, onRead)
      return { containerFormat: 'tar', unpackedSize: await readOnlyMember(chunks, take) }
    }
    onFormat('gz')
    chunks = gunzip(file, watcher, onRead)
    const [inner, unpacked] = await beginningOf(chunks)
    if (isTar(inner)) {
      onFormat('tgz')
      return { containerFormat: 'tgz', unpackedSize: await readOnlyMember(unpacked, take) }
    }
    let unpackedSize = 0
    for await (const chunk of unpacked) {
      await take(unpackedSize, chunk)
      unpackedSize += chunk.length
    }
    if (unpackedSize === 0) throw new VdcError('FILE_REFUSED', 'is empty after unpacking', { hint: FETCH_AGAIN })
    return { containerFormat: 'gz', unpackedSize }
  } catch (error) {
    if (error instanceof VdcError) throw error
    // zlib's error for damaged data.
    const why = `is damaged or truncated: ${(error as Error).message}`
    throw new VdcError('FILE_REFUSED', why, { hint: FETCH_AGAIN, cause: error })
  } finally {
    // Stops reading the file, also after an error.
    await chunks?.return(undefined)
    task.end()
  }
}

/** Reads as many bytes as are needed to recognise a tar archive. Returns them, and a generator that starts with them again. */
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
