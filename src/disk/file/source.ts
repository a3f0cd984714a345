import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import type { Cancellation } from '../watcher.ts'

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
  /** As `read`, for a few bytes each at many places that lie apart. Use `readFew`. */
  readFew?(at: number, length: number): Promise<Buffer> | Buffer
}

/**
 * Reads a few bytes at one of many places that lie apart. Of a file, no more is
 * read than 4 KiB from their sector on. They stay valid until the next call. Await
 * only a promise: a million of them take as long as the reading.
 */
export function readFew(source: Source, at: number, length: number): Promise<Buffer> | Buffer {
  return source.readFew?.(at, length) ?? source.read(at, length)
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
/** Bytes that are read for a few, from the start of their sector on: what the kernel reads at least. */
const [FEW, SECTOR] = [4 * 1024, 512]
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
  const few = Buffer.alloc(FEW)
  let [fewAt, fewLength] = [-1, 0]
  let left = limit
  let readings = 0

  const isInside = (at: number, length: number) => Number.isSafeInteger(at) && at >= 0 && at < file.size && length > 0
  const isTurn = () => ++readings % TURN === 0

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
      if (!isInside(at, length)) return Buffer.alloc(0)
      if (isTurn()) await setImmediate()
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
    readFew(at, length) {
      if (!isInside(at, length)) return Buffer.alloc(0)
      const from = at - (at % SECTOR)
      if (isTurn() || at + length > from + FEW) return this.read(at, length)
      if (at < fewAt || at + length > fewAt + fewLength) {
        if (FEW > left) throw tooLong()
        left -= FEW
        // A thread for each would take ten times as long.
        fewLength = readSync(file.handle.fd, few, 0, FEW, from)
        fewAt = from
      }
      return few.subarray(at - fewAt, Math.min(at - fewAt + length, fewLength))
    },
  }
}

/** A source of which only so many bytes may be asked for; more is refused as a fault of the file. */
export function limitedSource(source: Source, limit: number): Source {
  let left = limit
  const take = (length: number) => {
    left -= length
    if (left < 0) throw tooLong()
  }
  return {
    size: source.size,
    async read(at, length, into) {
      take(length)
      return source.read(at, length, into)
    },
    readFew(at, length) {
      take(length)
      return readFew(source, at, length)
    },
  }
}

function tooLong(): VdcError {
  return new VdcError('FILE_REFUSED', 'is damaged: its headers are too long')
}

/**
 * Reads exactly so many bytes, where a format's structure must have them.
 *
 * @param at a bigint where the file tells it in 64 bits.
 * @param into may be used for them.
 * @throws VdcError FILE_REFUSED, without the file's name, where the file ends before.
 */
export async function readWhole(source: Source, at: number | bigint, length: number, into?: Buffer): Promise<Buffer> {
  if (typeof at === 'bigint') {
    if (at > source.size)
      throw new VdcError('FILE_REFUSED', truncated(at + BigInt(length), source.size), { hint: FETCH_AGAIN })
    return readWhole(source, Number(at), length, into)
  }
  const bytes = await source.read(at, length, into)
  if (bytes.length < length)
    throw new VdcError('FILE_REFUSED', truncated(at + length, source.size), { hint: FETCH_AGAIN })
  return bytes
}

/** The hint for a file that is damaged or cut off. */
export const FETCH_AGAIN = 'Fetch or copy it again'

/** What is wrong with a file that is shorter than its own headers say; goes on after its name. */
export function truncated(needed: number | bigint, size: number): string {
  // A number above 2^53 is exact as a sum of whole sectors, but is not printed so.
  return `is damaged or truncated: it needs ${BigInt(needed)} bytes and has ${size}`
}
