import { createGunzip } from 'node:zlib'
import { VdcError } from '../errors.ts'
import type { ImageFile } from './image-file.ts'
import { isGzip, isTar, readHead, TAR_HEAD } from './signatures.ts'
import { measureOnlyMember } from './tar.ts'
import type { Cancellation, Watcher } from './watcher.ts'

const CHUNK = 1024 * 1024

/** How a disk image is packed, and the bytes that it has when it is unpacked. */
export interface Packing {
  /** A container format of dcmgr: `gz`, `tar` or `tgz`. */
  containerFormat: string
  unpackedSize: number
}

/**
 * Finds out how a file is packed, by reading all of it as a stream; memory does
 * not grow with it.
 *
 * @param watcher asked before each piece whether to go on; is told of `Unpacking`, in bytes of the file.
 * @returns undefined for a file that is neither gzip nor tar.
 * @throws VdcError FILE_REFUSED when it is damaged, or an archive of anything but one file.
 */
export async function measurePacking(file: ImageFile, watcher: Watcher): Promise<Packing | undefined> {
  const head = await readHead(file)
  if (!isGzip(head) && !isTar(head)) return undefined
  const work = watcher.progress.begin('Unpacking', file.size)
  const reading: Reading = { cancellation: watcher.cancellation, advance: (bytes) => work.advance(bytes) }
  try {
    if (!isGzip(head)) return { containerFormat: 'tar', unpackedSize: await measureOnlyMember(chunksOf(file, reading)) }
    const unpacked = gunzip(file, reading)
    const first = await startOf(unpacked)
    const all = rejoin(first, unpacked)
    if (isTar(first)) return { containerFormat: 'tgz', unpackedSize: await measureOnlyMember(all) }
    let unpackedSize = 0
    for await (const chunk of all) unpackedSize += chunk.length
    if (unpackedSize === 0) throw new VdcError('FILE_REFUSED', 'holds nothing')
    return { containerFormat: 'gz', unpackedSize }
  } catch (error) {
    if (error instanceof VdcError && error.code !== 'FILE_REFUSED') throw error
    if (error instanceof VdcError) {
      throw new VdcError('FILE_REFUSED', `The file ${file.path} ${error.message}`, { hint: error.hint, cause: error })
    }
    // What zlib says of broken data.
    throw new VdcError('FILE_REFUSED', `The file ${file.path} is damaged or cut off: ${(error as Error).message}`, {
      cause: error,
    })
  } finally {
    work.end()
  }
}

/** Who is asked and told while the file is read. */
interface Reading {
  cancellation: Cancellation
  advance(bytes: number): void
}

async function* chunksOf(file: ImageFile, reading: Reading): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    reading.cancellation.throwIfRequested()
    // A new one each time, as the reader keeps pieces of it.
    const { bytesRead, buffer } = await file.handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position)
    if (bytesRead === 0) return
    reading.advance(bytesRead)
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
  }
}

async function* gunzip(file: ImageFile, reading: Reading): AsyncGenerator<Buffer> {
  const { Readable, pipeline } = await import('node:stream')
  const unzipped = createGunzip({ chunkSize: CHUNK })
  pipeline(Readable.from(chunksOf(file, reading)), unzipped, () => {})
  for await (const chunk of unzipped) {
    // A little of the file may unpack to very much.
    reading.cancellation.throwIfRequested()
    yield chunk
  }
}

/** The first bytes, as many as tell a tar archive. */
async function startOf(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let length = 0; length < TAR_HEAD; ) {
    const chunk = await chunks.next()
    if (chunk.done) break
    parts.push(chunk.value)
    length += chunk.value.length
  }
  return Buffer.concat(parts)
}

async function* rejoin(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* rest
}
