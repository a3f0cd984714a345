import { createHash } from 'node:crypto'
import { VdcError } from '../../core/errors.ts'
import { CHANGED, type ImageFile, requireUnchanged, unreadable } from '../file/image-file.ts'
import type { Cancellation, Watcher } from '../watcher.ts'
import type { Checksums, Hashed } from './hashed.ts'

const CHUNK = 1024 * 1024
/** Bytes below which a file is hashed sooner than workers would have started. */
const SMALL = 32 * CHUNK

/** How a file is hashed. */
export interface HashOptions {
  /** Of a big file: with 2, the default, it takes as long as MD5 alone; 1 is for several files side by side. */
  threads?: 1 | 2
}

/**
 * Hashes a whole file in one reading; memory does not grow with it.
 *
 * @param watcher may end it, then no thread reads the file any more; is told of `Hashing`.
 * @throws VdcError FILE_REFUSED when the file changed meanwhile, or can't be
 *   read; what the cancellation throws.
 */
export async function hashImageFile(file: ImageFile, watcher: Watcher, options: HashOptions = {}): Promise<Checksums> {
  watcher.cancellation.throwIfRequested()
  await requireUnchanged(file)
  const work = watcher.progress.begin('Hashing', file.size)
  try {
    const advance = (bytes: number) => work.advance(bytes)
    const { bytes, ...checksums } =
      file.size < SMALL
        ? await hashHere(file, watcher.cancellation, advance)
        : await (await import('./hash-workers.ts')).hashInWorkers(
            file,
            watcher.cancellation,
            advance,
            options.threads ?? 2,
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
  // What grows without end is not read without end.
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
