import { type FileHandle, statfs } from 'node:fs/promises'
import { isZero } from '../file/zeros.ts'
import { heldPath } from '../remove/held.ts'

const MIB = 1024 ** 2
/** Bytes after which the filesystem is looked at again; it may be filled by others meanwhile. */
const STEP = 16 * MIB
/** The part of a filesystem that stays free: this share of it, and at least so many bytes. */
const [SHARE, LEAST] = [0.05, 256 * MIB]

/**
 * Keeps what is written to a temporary file from filling its filesystem, on which
 * the whole host may depend.
 */
export class Reserve {
  readonly #handle: FileHandle
  #left = 0

  /** @param handle of the temporary file. */
  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /**
   * Makes sure that there is room, before `bytes` are written.
   *
   * @throws Error with the code ENOSPC where too little would stay free.
   */
  async take(bytes: number): Promise<void> {
    this.#left -= bytes
    if (this.#left >= 0) return
    this.#left = STEP
    // By the descriptor: the file has no name, and its folder may be another filesystem by now.
    const { bsize, blocks, bavail } = await statfs(heldPath(this.#handle))
    const reserve = Math.max(blocks * bsize * SHARE, LEAST)
    if (bavail * bsize - bytes - STEP >= reserve) return
    throw Object.assign(
      new Error(`ENOSPC: less than ${Math.ceil(reserve / MIB)} MiB of its filesystem would stay free`),
      { code: 'ENOSPC' },
    )
  }

  /**
   * Writes bytes at an offset, as `writeSparsely` does.
   *
   * @throws Error of the system, also where too little would stay free.
   */
  async write(bytes: Buffer, at: number): Promise<void> {
    if (isZero(bytes)) return
    await this.take(bytes.length)
    await writeSparsely(this.#handle, bytes, at)
  }
}

/**
 * Writes bytes at an offset. Zeros stay holes, as an image is mostly empty.
 *
 * @throws Error of the system.
 */
export async function writeSparsely(handle: FileHandle, bytes: Buffer, at: number): Promise<void> {
  if (isZero(bytes)) return
  // A disk that fills up takes a part of them first.
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}
