import type { Watcher } from '../watcher.ts'
import type { ImageFile } from './image-file.ts'

const CHUNK = 1024 * 1024

/**
 * Reads an open file from an offset to its end. Each chunk is a new buffer, because
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
): AsyncGenerator<Buffer> {
  for (let position = start; ; ) {
    watcher.cancellation.throwIfRequested()
    const { bytesRead, buffer } = await file.handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
    onRead(bytesRead)
  }
}
