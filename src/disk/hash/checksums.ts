import { createHash } from 'node:crypto'
import { VdcError } from '../../core/errors.ts'
import { CHANGED, type ImageFile, requireUnchanged, unreadable } from '../file/image-file.ts'
import type { Cancellation, Watcher } from '../watcher.ts'
import type { HashThreads } from './hash-threads.ts'
import type { Checksums, Hashed } from './hashed.ts'

const CHUNK = 1024 * 1024
/** Bytes below which hashing a file takes less time than starting workers. */
const SMALL = 32 * CHUNK
/** The same if the workers are running. */
const SMALL_FOR_RUNNING = 2 * CHUNK

/** Options for hashing a file. */
export interface HashOptions {
  /** Threads for a large file. With 2, the default, hashing takes as long as MD5 alone. Use 1 to hash several files at once. */
  threads?: 1 | 2 | undefined
  /** Keeps the threads, to hash several files. */
  kept?: HashThreads | undefined
}

/**
 * Hashes a whole file, reading it once. Memory use does not depend on its size. After a
 * cancellation, no thread reads the file.
 *
 * @param watcher shows the progress as `Hashing`.
 * @throws VdcError FILE_REFUSED if the file changed meanwhile or cannot be read; the error of
 *   the cancellation.
 */
export async function hashImageFile(file: ImageFile, watcher: Watcher, options: HashOptions = {}): Promise<Checksums> {
  watcher.cancellation.throwIfRequested()
  await requireUnchanged(file)
  const work = watcher.progress.begin('Hashing', file.size)
  try {
    const advance = (bytes: number) => work.advance(bytes)
    const { bytes, ...checksums } =
      file.size < (options.kept === undefined ? SMALL : SMALL_FOR_RUNNING)
        ? await hashHere(file, watcher.cancellation, advance)
        : await (await import('./hash-workers.ts')).hashInWorkers(
            file,
            watcher.cancellation,
            advance,
            options.threads ?? 2,
            options.kept,
          )
    await requireUnchanged(file)
    if (bytes !== file.size)
      throw new VdcError('FILE_REFUSED', `The file ${file.path} ${CHANGED.why}`, { hint: CHANGED.hint })
    return checksums
  } finally {
    work.end()
  }
}

async function hashHere(
  file: ImageFile,
  cancellation: Cancellation,
  advance: (bytes: number) => void,
): Promise<Hashed> {
  const md5 = createHash('md5')
  const sha256 = createHash('sha256')
  const buffer = Buffer.allocUnsafe(CHUNK)
  let position = 0
  // A file that keeps growing is not read forever.
  while (position <= file.size) {
    cancellation.throwIfRequested()
    const { bytesRead } = await file.handle.read(buffer, 0, CHUNK, position).catch((error: Error) => {
      throw unreadable(file, error.message, error)
    })
    if (bytesRead === 0) break
    const bytes = buffer.subarray(0, bytesRead)
    md5.update(bytes)
    sha256.update(bytes)
    position += bytesRead
    advance(bytesRead)
  }
  return { md5: md5.digest('hex'), sha256: sha256.digest('hex'), bytes: position }
}
