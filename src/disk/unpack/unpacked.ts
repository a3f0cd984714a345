import { VdcError } from '../../core/errors.ts'
import type { ImageFile } from '../file/image-file.ts'
import { fileSource, NotKept, type Source } from '../file/source.ts'
import { openNameless, temporaryFolder } from '../file/temporary-file.ts'
import { Reserve } from '../make/reserve.ts'
import type { Watcher } from '../watcher.ts'
import { unpack } from './unpack.ts'

/** Bytes of the start and of the end of what is unpacked that are kept: enough for every signature. */
const HEAD = 1024 * 1024
const TAIL = HEAD

/** Bytes that an image file may have for each byte of its disk, as snapshots hold more of them, and besides. */
const [FACTOR, SLACK] = [4, 4 * 1024 ** 3]

/**
 * The bytes that the file of an image with a format of its own can have at most:
 * data, tables, some whole snapshots, and the memory of a machine that was saved.
 *
 * @param virtualSize bytes of its disk, by its header.
 */
export function largestFile(virtualSize: number): number {
  return FACTOR * virtualSize + SLACK
}

/**
 * Returns how many bytes an unpacked image may have in a temporary file, by its
 * start. Undefined if it need not be written to one.
 */
export type FileLimit = (start: Source) => Promise<number | undefined>

/**
 * What is kept in memory of a file that is unpacked: its start and its end. Where
 * it is to be read as a whole, it is written to a temporary file as well.
 */
export class Unpacked {
  readonly #packed: ImageFile
  readonly #limit: number
  readonly #fileLimit: FileLimit
  readonly #head = Buffer.alloc(HEAD)
  #isHeadComplete = false
  /** The last pieces, of which the end is made. */
  #pieces: { at: number; bytes: Buffer }[] = []
  /** Bytes of these pieces. */
  #kept = 0
  #file: ImageFile | undefined
  #reserve: Reserve | undefined
  #largest = Number.POSITIVE_INFINITY

  /**
   * @param limit bytes above which it is refused.
   * @param fileLimit asked with the start of it; and again, with all that was
   *   written, where it gets larger than that, as the header of some formats is no part of the start.
   */
  constructor(packed: ImageFile, limit: number, fileLimit: FileLimit) {
    this.#packed = packed
    this.#limit = limit
    this.#fileLimit = fileLimit
  }

  /** Takes bytes, with offsets that grow. */
  async take(at: number, bytes: Buffer): Promise<void> {
    this.#requireWithinLimit(at + bytes.length)
    // First of all, as a signature may lie in the very piece that completes the head.
    if (at < HEAD) bytes.copy(this.#head, at)
    if (at + bytes.length > HEAD) await this.#completeHead(HEAD + 1)
    this.#keep(at, bytes)
    await this.#write(at, bytes)
  }

  /**
   * Ends it.
   *
   * @param size bytes that were unpacked, holes included.
   * @returns the bytes that were kept, and the temporary file, which has no name any more, if it was wanted.
   */
  async finish(size: number): Promise<{ source: Source; file: ImageFile | undefined }> {
    this.#requireWithinLimit(size)
    await this.#completeHead(size)
    if (this.#file !== undefined) {
      // It may end with a hole, which `take` was not called for.
      if (size > this.#largest) await this.#requireAllowed(size)
      await attempt(() => (this.#file as ImageFile).handle.truncate(size))
      this.#file = { ...this.#file, size, opened: await this.#file.handle.stat({ bigint: true }) }
    }
    return { source: this.#sourceOf(size), file: this.#file }
  }

  async close(): Promise<void> {
    await this.#file?.handle.close()
  }

  #keep(at: number, bytes: Buffer): void {
    this.#pieces.push({ at, bytes })
    this.#kept += bytes.length
    for (let [first] = this.#pieces; first && this.#kept - first.bytes.length >= TAIL; [first] = this.#pieces) {
      this.#pieces.shift()
      this.#kept -= first.bytes.length
    }
  }

  async #completeHead(size: number): Promise<void> {
    if (this.#isHeadComplete) return
    this.#isHeadComplete = true
    const largest = await this.#fileLimit(this.#sourceOf(size))
    if (largest === undefined) return
    this.#largest = largest
    this.#file = await createNameless(this.#packed.path)
    this.#reserve = new Reserve(this.#file.handle)
    for (const { at, bytes } of this.#pieces) await this.#write(at, bytes)
    await this.#write(0, this.#head.subarray(0, Math.min(size, HEAD)))
  }

  async #write(at: number, bytes: Buffer): Promise<void> {
    if (this.#file === undefined) return
    if (at + bytes.length > this.#largest) await this.#requireAllowed(at + bytes.length)
    await attempt(async () => this.#reserve?.write(bytes, at))
  }

  #requireWithinLimit(size: number): void {
    if (size <= this.#limit) return
    throw new VdcError('FILE_REFUSED', `unpacks to more than ${this.#limit} bytes`, {
      hint: 'Allow more with --max-size',
    })
  }

  /** Makes sure that the image inside can have so many bytes. */
  async #requireAllowed(size: number): Promise<void> {
    const { handle } = this.#file as ImageFile
    // Bytes that are still to come are read as zeros; the headers came before.
    await attempt(() => handle.truncate(size))
    this.#largest = (await this.#fileLimit(fileSource({ handle, size }))) ?? 0
    if (size <= this.#largest) return
    throw new VdcError(
      'FILE_REFUSED',
      `is damaged: it unpacks to more than ${this.#largest} bytes, the most that an image of its disk can have`,
      { hint: 'Fetch it again, or unpack it and register the disk image inside' },
    )
  }

  #sourceOf(size: number): Source {
    return {
      size,
      read: async (at, length) => {
        if (!Number.isSafeInteger(at) || at < 0 || at >= size || length <= 0) return Buffer.alloc(0)
        const end = Math.min(at + length, size)
        if (end <= HEAD) return this.#head.subarray(at, end)
        if (Math.max(at, HEAD) < size - TAIL) throw new NotKept()
        const bytes = Buffer.alloc(end - at)
        if (at < HEAD) this.#head.copy(bytes, 0, at)
        for (const piece of this.#pieces) {
          if (piece.at >= end || piece.at + piece.bytes.length <= at) continue
          piece.bytes.copy(bytes, Math.max(0, piece.at - at), Math.max(0, at - piece.at))
        }
        return bytes
      },
    }
  }
}

/**
 * Unpacks all of a packed image, which was inspected, to a temporary file for
 * `work`; the file is gone afterwards.
 *
 * @param size bytes that it was found to have when it is unpacked; more are refused.
 * @throws VdcError FILE_REFUSED, without the file's name; FILE_NOT_WRITTEN.
 */
export async function withUnpackedFile<T>(
  packed: ImageFile,
  size: number,
  watcher: Watcher,
  work: (file: ImageFile) => Promise<T>,
): Promise<T> {
  const unpacked = new Unpacked(packed, size, async () => size)
  try {
    const { unpackedSize } = await unpack(packed, (at, bytes) => unpacked.take(at, bytes), watcher)
    const { file } = await unpacked.finish(unpackedSize)
    return await work(file as ImageFile)
  } finally {
    await unpacked.close()
  }
}

async function createNameless(path: string): Promise<ImageFile> {
  return attempt(async () => {
    const handle = await openNameless()
    return { path, handle, size: 0, opened: await handle.stat({ bigint: true }), isNameless: true }
  })
}

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new VdcError(
      'FILE_NOT_WRITTEN',
      `The image cannot be unpacked in ${temporaryFolder()}: ${(error as Error).message}`,
      {
        hint: 'Set TMPDIR to a folder that has the space, or unpack it and register the disk image inside',
        cause: error,
      },
    )
  }
}
