import { VdcError } from '../../core/errors.ts'
import type { ImageFile } from '../file/image-file.ts'
import { fileSource, NotKept, type Source } from '../file/source.ts'
import { openNameless, temporaryFolder } from '../file/temporary-file.ts'
import { Reserve } from '../make/reserve.ts'
import type { Watcher } from '../watcher.ts'
import { unpack } from './unpack.ts'

/** Bytes that are kept of the start and of the end of the unpacked file: enough for every signature. */
const HEAD = 1024 * 1024
const TAIL = HEAD

/** Largest file size per byte of the virtual size; it is above 1 because of snapshots. */
const FACTOR = 4
/** Bytes added to the largest file size, for small disks with the saved memory of a machine. */
const SLACK = 4 * 1024 ** 3

/**
 * Returns the largest plausible size of an image file that is not raw, in bytes: data,
 * tables, some full snapshots, and the saved memory of a machine.
 *
 * @param virtualSize in bytes, by its header.
 */
export function largestFile(virtualSize: number): number {
  return FACTOR * virtualSize + SLACK
}

/**
 * Returns the largest size of an unpacked image in a temporary file, in bytes, by the
 * start of the image. Returns undefined if no temporary file is needed.
 */
export type FileLimit = (start: Source) => Promise<number | undefined>

/**
 * Collects a file that is being unpacked. Keeps its start and its end in memory, and
 * writes it to a temporary file if it is needed as a whole.
 */
export class Unpacked {
  readonly #packed: ImageFile
  readonly #limit: number
  readonly #fileLimit: FileLimit
  readonly #head = Buffer.alloc(HEAD)
  #isHeadComplete = false
  /** The last pieces, which contain the end of the file. */
  #pieces: { at: number; bytes: Buffer }[] = []
  /** Bytes of these pieces. */
  #kept = 0
  #file: ImageFile | undefined
  #reserve: Reserve | undefined
  #largest = Number.POSITIVE_INFINITY

  /**
   * @param limit largest unpacked size in bytes.
   * @param fileLimit called with the start of the file. Called again with all that was
   *   written if the file gets larger, as some formats have no header in the start.
   */
  constructor(packed: ImageFile, limit: number, fileLimit: FileLimit) {
    this.#packed = packed
    this.#limit = limit
    this.#fileLimit = fileLimit
  }

  /**
   * Adds bytes, with increasing offsets; bytes that are left out are zeros.
   *
   * @throws VdcError FILE_REFUSED if the file gets too large; FILE_NOT_WRITTEN.
   */
  async take(at: number, bytes: Buffer): Promise<void> {
    this.#requireWithinLimit(at + bytes.length)
    // Copy first: the piece that completes the head may contain a signature.
    if (at < HEAD) bytes.copy(this.#head, at)
    if (at + bytes.length > HEAD) await this.#completeHead(HEAD + 1)
    this.#keep(at, bytes)
    await this.#write(at, bytes)
  }

  /**
   * Completes the file.
   *
   * @param size of the unpacked file in bytes, including holes.
   * @returns the kept bytes as a source, and the temporary file, which has no name, if there is one.
   * @throws VdcError FILE_REFUSED if the file is too large; FILE_NOT_WRITTEN.
   */
  async finish(size: number): Promise<{ source: Source; file: ImageFile | undefined }> {
    this.#requireWithinLimit(size)
    await this.#completeHead(size)
    if (this.#file !== undefined) {
      // `take` is not called for a hole at the end.
      if (size > this.#largest) await this.#requireAllowed(size)
      await attempt(() => (this.#file as ImageFile).handle.truncate(size))
      this.#file = { ...this.#file, size, opened: await this.#file.handle.stat({ bigint: true }) }
    }
    return { source: this.#sourceOf(size), file: this.#file }
  }

  /** Keeps the temporary file open with the file that was unpacked, to be used as its unpacked image. */
  keepFor(file: ImageFile): void {
    if (this.#file !== undefined) file.unpacked = this.#file
    this.#file = undefined
  }

  /** Closes the temporary file, which deletes it, unless it is kept. */
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

  /** Requires that the image can have this size, by the headers written so far. */
  async #requireAllowed(size: number): Promise<void> {
    const { handle } = this.#file as ImageFile
    // Missing bytes read as zeros; the headers were written before them.
    await attempt(() => handle.truncate(size))
    this.#largest = (await this.#fileLimit(fileSource({ handle, size }))) ?? 0
    if (size <= this.#largest) return
    throw new VdcError(
      'FILE_REFUSED',
      `is damaged: it unpacks to more than ${this.#largest} bytes, the limit for its virtual size`,
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
 * Unpacks a packed image to a temporary file for `work`, and deletes the file afterwards.
 *
 * @param size unpacked size in bytes, from its inspection; a larger image is refused.
 * @throws VdcError FILE_REFUSED, without the name of the file, if it cannot be unpacked or
 *   is too large; FILE_NOT_WRITTEN if the temporary file cannot be written; the errors of `work`.
 */
export async function withUnpackedFile<T>(
  packed: ImageFile,
  size: number,
  watcher: Watcher,
  work: (file: ImageFile) => Promise<T>,
): Promise<T> {
  const unpacked = new Unpacked(packed, size, async () => size)
  try {
    const { unpackedSize } = await unpack(packed, (at, bytes) => unpacked.take(at, bytes), watcher, { opensOva: true })
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
        hint: 'Set TMPDIR to a folder with enough space, or unpack it and register the disk image inside',
        cause: error,
      },
    )
  }
}
