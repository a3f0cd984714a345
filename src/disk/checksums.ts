import { createHash } from 'node:crypto'
import { VdcError } from '../errors.ts'
import { type ImageFile, requireUnchanged } from './image-file.ts'

const CHUNK = 1024 * 1024

/** Somebody's wish to end what takes long. */
export interface Cancellation {
  /** Throws where that was asked for. */
  throwIfRequested(): void
}

/** Both checksums of a file, hex. */
export interface Checksums {
  md5: string
  sha256: string
}

/**
 * Hashes a whole file in one reading; memory does not grow with it.
 *
 * @param cancellation asked before each piece; what it throws ends the reading.
 * @throws VdcError FILE_REFUSED when the file changed meanwhile.
 */
export async function hashImageFile(file: ImageFile, cancellation: Cancellation): Promise<Checksums> {
  const md5 = createHash('md5')
  const sha256 = createHash('sha256')
  const buffer = Buffer.allocUnsafe(CHUNK)
  let position = 0
  for (;;) {
    cancellation.throwIfRequested()
    const { bytesRead } = await file.handle.read(buffer, 0, CHUNK, position)
    if (bytesRead === 0) break
    const bytes = buffer.subarray(0, bytesRead)
    md5.update(bytes)
    sha256.update(bytes)
    position += bytesRead
  }
  await requireUnchanged(file)
  if (position !== file.size)
    throw new VdcError('FILE_REFUSED', `The file ${file.path} changed while it was being registered`)
  return { md5: md5.digest('hex'), sha256: sha256.digest('hex') }
}
