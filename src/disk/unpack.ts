import { VdcError } from '../errors.ts'
import { isGzip } from './formats/gzip.ts'
import type { ImageFile } from './image-file.ts'
import { isTar, readOnlyMember, type TakeBytes } from './tar.ts'
import type { Watcher } from './watcher.ts'

const CHUNK = 1024 * 1024
/** Bytes that tell a tar archive. */
const TAR_HEAD = 512

/** How a disk image is packed, and the bytes that it has when it is unpacked. */
export interface Packing {
  /** A container format of dcmgr: `gz`, `tar` or `tgz`. */
  containerFormat: 'gz' | 'tar' | 'tgz'
  unpackedSize: number
}

/**
 * Unpacks a gzip file or a tar archive as a stream, to its end; memory does not
 * grow with it. As dcmgr's agents do, it takes the one file of an archive
 * (dcmgr.md, "Values").
 *
 * @param take is called with offsets that grow; what it throws ends the reading.
 * @throws VdcError FILE_REFUSED, without naming the file, when it is damaged, or
 *   an archive of anything but one file; or what `take` or the cancellation throws.
 */
export async function unpack(file: ImageFile, take: TakeBytes, watcher: Watcher): Promise<Packing> {
  const task = watcher.progress.begin('Unpacking', file.size)
  try {
    const packed = chunksOf(file, watcher, (bytes) => task.advance(bytes))
    const [start, all] = await beginningOf(packed)
    if (!isGzip(start)) return { containerFormat: 'tar', unpackedSize: await readOnlyMember(all, take) }
    const [inner, unpacked] = await beginningOf(gunzip(all, watcher))
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
    task.end()
  }
}

async function* chunksOf(file: ImageFile, watcher: Watcher, onRead: (bytes: number) => void): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    watcher.cancellation.throwIfRequested()
    // A new one each time, as the reader keeps pieces of it.
    const { bytesRead, buffer } = await file.handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
    onRead(bytesRead)
  }
}

async function* gunzip(packed: AsyncIterable<Buffer>, watcher: Watcher): AsyncGenerator<Buffer> {
  const [{ Readable, pipeline }, { createGunzip }] = await Promise.all([import('node:stream'), import('node:zlib')])
  const unzipped = createGunzip({ chunkSize: CHUNK })
  pipeline(Readable.from(packed), unzipped, () => {})
  for await (const chunk of unzipped) {
    // A little of the file may unpack to very much.
    watcher.cancellation.throwIfRequested()
    yield chunk
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
