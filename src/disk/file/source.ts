import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import type { Cancellation } from '../watcher.ts'

/** Bytes with random access: an open file, or the parts of a stream that were kept. */
export interface Source {
  /** Total bytes. */
  readonly size: number
  /**
   * Reads `length` bytes at the offset `at`; fewer at the end.
   *
   * @param into a buffer that may be used for the result, to save memory if there are many reads.
   */
  read(at: number, length: number, into?: Buffer): Promise<Buffer>
  /** Reads a few bytes at one of many scattered offsets. Call it through `readFew`. */
  readFew?(at: number, length: number): Promise<Buffer> | Buffer
}

/**
 * Reads a few bytes at one of many scattered offsets. Reads at most 4 KiB of a file,
 * from the start of their sector on. The result is valid until the next call. Await it
 * only if it is a promise: awaiting a million results takes as long as reading them.
 */
export function readFew(source: Source, at: number, length: number): Promise<Buffer> | Buffer {
  return source.readFew?.(at, length) ?? source.read(at, length)
}

/** Thrown on reading bytes of a packed image that are neither near its start nor near its end. */
export class NotKept extends VdcError {
  constructor() {
    super('FILE_REFUSED', 'has headers at a place where a packed image cannot have them')
  }
}

/** Bytes that are read at once, so that small adjacent tables need one read. */
const PAGE = 64 * 1024
/** Pages in the cache. */
const PAGES = 16
/** Bytes that `readFew` reads; the kernel does not read less. */
const FEW = 4 * 1024
const SECTOR = 512
/** Bytes above which a read bypasses the cache. */
const LARGE = 4 * PAGE
/** Reads after which other tasks get a turn. Reads from the cache alone would never let them run. */
const TURN = 256

/**
 * Returns a source for an open file.
 *
 * @param limit bytes that may be read in total. Reading more is refused as a fault of the
 *   file, because its headers lead to these reads.
 * @param cancellation ends reading when requested.
 */
export function fileSource(
  file: { handle: FileHandle; size: number },
  limit = Number.POSITIVE_INFINITY,
  cancellation?: Cancellation,
): Source {
  const pages = new Map<number, Buffer>()
  const few = Buffer.alloc(FEW)
  let fewAt = -1
  let fewLength = 0
  let left = limit
  let reads = 0

  const isInside = (at: number, length: number) => Number.isSafeInteger(at) && at >= 0 && at < file.size && length > 0
  const isTurn = () => ++reads % TURN === 0

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
    // Reuse the oldest buffer: long tables would otherwise leave much garbage.
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
        // Copy the bytes, because pages are reused.
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
        // An asynchronous read would take ten times as long.
        fewLength = readSync(file.handle.fd, few, 0, FEW, from)
        fewAt = from
      }
      return few.subarray(at - fewAt, Math.min(at - fewAt + length, fewLength))
    },
  }
}

/** Returns a source of which `limit` bytes can be read in total. Reading more is refused as a fault of the file. */
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
 * Reads exactly `length` bytes of a structure that the file must contain.
 *
 * @param at a bigint if it comes from a 64-bit field of the file.
 * @param into a buffer that may be used for the result.
 * @throws VdcError FILE_REFUSED, without the file's name, if the file is too short.
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

/** The hint for a file that is damaged or truncated. */
export const FETCH_AGAIN = 'Download or copy the file again'

/** Returns the reason for refusing a file that is shorter than its headers say, to follow its name. */
export function truncated(needed: number | bigint, size: number): string {
  // A sum of whole sectors above 2^53 is exact as a number, but only a bigint prints all of its digits.
  return `is damaged or truncated: it needs ${BigInt(needed)} bytes and has ${size}`
}
