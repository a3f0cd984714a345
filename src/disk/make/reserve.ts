import { type FileHandle, statfs } from 'node:fs/promises'
import { isZero } from '../file/zeros.ts'
import { heldPath } from '../remove/held.ts'

const MIB = 1024 ** 2
/** Bytes after which the free space is checked again, because other programs may use it up too. */
const STEP = 16 * MIB
/** The share of a filesystem that stays free. */
const SHARE = 0.05
/** Bytes that stay free at least. */
const LEAST = 256 * MIB

/**
 * Checks whether a filesystem has space for bytes beside what must stay free.
 *
 * @param path of a file or folder on the filesystem.
 * @throws Error with the code ENOSPC if it has not; Error of the system.
 */
export async function requireSpace(path: string, bytes: number): Promise<void> {
  const { bsize, blocks, bavail } = await statfs(path)
  const reserve = Math.max(blocks * bsize * SHARE, LEAST)
  if (bavail * bsize - bytes >= reserve) return
  throw Object.assign(
    new Error(`ENOSPC: less than ${Math.ceil(reserve / MIB)} MiB of its filesystem would stay free`),
    { code: 'ENOSPC' },
  )
}

/** Keeps a temporary file from filling its filesystem, on which the whole host may depend. */
export class Reserve {
  readonly #handle: FileHandle
  #left = 0

  /** @param handle of the temporary file. */
  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /**
   * Checks the free space. Call this before `bytes` are written.
   *
   * @throws Error with the code ENOSPC if too little would stay free.
   */
  async take(bytes: number): Promise<void> {
    this.#left -= bytes
    if (this.#left >= 0) return
    this.#left = STEP
    // Through the descriptor, because the file has no name, and its folder may be on another filesystem by now.
    await requireSpace(heldPath(this.#handle), bytes + STEP)
  }

  /**
   * Checks the free space and writes bytes at an offset with `writeSparsely`.
   *
   * @throws Error of the system; ENOSPC if too little would stay free.
   */
  async write(bytes: Buffer, at: number): Promise<void> {
    if (isZero(bytes)) return
    await this.take(bytes.length)
    await writeSparsely(this.#handle, bytes, at)
  }
}

/**
 * Writes bytes at an offset. Skips bytes that are all zero, so that the file stays sparse.
 *
 * @throws Error of the system.
 */
export async function writeSparsely(handle: FileHandle, bytes: Buffer, at: number): Promise<void> {
  if (isZero(bytes)) return
  // When the disk is nearly full, a write may store only a part of the bytes.
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}
