import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { VdcError } from '../errors.ts'
import type { Cancellation } from './watcher.ts'

/** Bytes that can be read at any place: those of an open file, or what is kept of a stream. */
export interface Source {
  /** Bytes in all. */
  readonly size: number
  /**
   * Reads `length` bytes at `at`; fewer where they end.
   *
   * @param into may be used for them, so that many readings leave nothing behind.
   */
  read(at: number, length: number, into?: Buffer): Promise<Buffer>
}

/** What is thrown for bytes of a packed image that are neither at its start nor at its end. */
export class NotKept extends VdcError {
  constructor() {
    super('FILE_REFUSED', 'has headers where a packed image can have none')
  }
}

/** Bytes that are read at once, so that small tables beside each other cost one reading. */
const PAGE = 64 * 1024
/** Pages that are kept. */
const PAGES = 16
/** Bytes above which a table is read by itself. */
const LARGE = 4 * PAGE
/** Readings after which whatever else waits has its turn: those of pages that are kept would never let it. */
const TURN = 256

/**
 * The bytes of an open file.
 *
 * @param limit bytes that may be read in all; asking for more is refused as a
 *   fault of the file, whose headers lead there.
 * @param cancellation may end it.
 */
export function fileSource(
  file: { handle: FileHandle; size: number },
  limit = Number.POSITIVE_INFINITY,
  cancellation?: Cancellation,
): Source {
  const pages = new Map<number, Buffer>()
  let left = limit
  let readings = 0

  const readFresh = async (at: number, buffer: Buffer): Promise<Buffer> => {
    const { length } = buffer
    if (length > left) throw tooLong()
    left -= length
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.handle.read(buffer, filled, length - filled, at + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return buffer.subarray(0, filled)
  }
  const readPage = async (number: number): Promise<Buffer> => {
    // The one that came first goes first; long tables would leave much behind that is to be collected.
    const [oldest] = pages.size === PAGES ? pages : []
    if (oldest !== undefined) pages.delete(oldest[0])
    const page = oldest?.[1].length === PAGE ? oldest[1] : Buffer.allocUnsafe(PAGE)
    const read = await readFresh(number * PAGE, page)
    pages.set(number, read)
    return read
  }
  return {
    size: file.size,
    async read(at, length, into) {
      if (!Number.isSafeInteger(at) || at < 0 || at >= file.size || length <= 0) return Buffer.alloc(0)
      if (++readings % TURN === 0) await setImmediate()
      cancellation?.throwIfRequested()
      const end = Math.min(at + length, file.size)
      if (end - at > LARGE) return readFresh(at, into?.subarray(0, end - at) ?? Buffer.allocUnsafe(end - at))
      const bytes = into?.subarray(0, end - at) ?? Buffer.allocUnsafe(end - at)
      let filled = 0
      while (filled < bytes.length) {
        const place = at + filled
        const number = Math.floor(place / PAGE)
        const page = pages.get(number) ?? (await readPage(number))
        // A copy, as pages are used again.
        const copied = page.copy(bytes, filled, place % PAGE)
        if (copied === 0) break
        filled += copied
      }
      return bytes.subarray(0, filled)
    },
  }
}

/** A source of which only so many bytes may be asked for; more is refused as a fault of the file. */
export function limitedSource(source: Source, limit: number): Source {
  let left = limit
  return {
    size: source.size,
    async read(at, length, into) {
      left -= length
      if (left < 0) throw tooLong()
      return source.read(at, length, into)
    },
  }
}

function tooLong(): VdcError {
  return new VdcError('FILE_REFUSED', 'is damaged: its headers are too long')
}

/**
 * Reads exactly so many bytes, where a format's structure must have them.
 *
 * @param into may be used for them.
 * @throws VdcError FILE_REFUSED, without the file's name, where the file ends before.
 */
export async function readWhole(source: Source, at: number, length: number, into?: Buffer): Promise<Buffer> {
  const bytes = await source.read(at, length, into)
  if (bytes.length < length) throw new VdcError('FILE_REFUSED', truncated(at + length, source.size))
  return bytes
}

/** What is wrong with a file that is shorter than its own headers say; goes on after its name. */
export function truncated(needed: number, size: number): string {
  return `is damaged or truncated: it needs ${needed} bytes and has ${size}`
}
