import type { Watcher } from '../watcher.ts'
import type { ImageFile } from './image-file.ts'

const CHUNK = 1024 * 1024

/**
 * Reads an open file from an offset to another one, or to its end. Each chunk is a new buffer, because
 * readers keep pieces of it.
 *
 * @param onRead called with the number of bytes of each chunk.
 * @throws the error of the cancellation; Error of the file system.
 */
export async function* chunksOf(
  file: ImageFile,
  watcher: Watcher,
  onRead: (bytes: number) => void,
  start = 0,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  for (let position = start; position < end; ) {
    watcher.cancellation.throwIfRequested()
    const length = Math.min(CHUNK, end - position)
    const { bytesRead, buffer } = await file.handle.read(Buffer.allocUnsafe(length), 0, length, position)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
    onRead(bytesRead)
  }
}

/**
 * Reads at least `length` bytes of chunks, or all of them. Returns what it read, and a generator that starts with
 * that again.
 */
export async function startOf(
  chunks: AsyncGenerator<Buffer>,
  length: number,
): Promise<[Buffer, AsyncGenerator<Buffer>]> {
  const parts: Buffer[] = []
  for (let read = 0; read < length; ) {
    const chunk = await chunks.next()
    if (chunk.done) break
    parts.push(chunk.value)
    read += chunk.value.length
  }
  const first = Buffer.concat(parts)
  async function* all() {
    if (first.length > 0) yield first
    yield* chunks
  }
  return [first, all()]
}
