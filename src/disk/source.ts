import type { FileHandle } from 'node:fs/promises'
import { VdcError } from '../errors.ts'

/** Bytes that can be read at any place: those of an open file, or what is kept of a stream. */
export interface Source {
  /** Bytes in all. */
  readonly size: number
  /** Reads `length` bytes at `at`; fewer where they end. */
  read(at: number, length: number): Promise<Buffer>
}

/** Bytes that are read at once and kept, so that small tables beside each other cost one reading. */
const WINDOW = 64 * 1024

/**
 * The bytes of an open file.
 *
 * @param limit bytes that may be read in all; more are a fault of whoever reads.
 */
export function fileSource(file: { handle: FileHandle; size: number }, limit = Number.POSITIVE_INFINITY): Source {
  let window = { at: 0, bytes: Buffer.alloc(0) }
  let left = limit
  const readFresh = async (at: number, length: number) => {
    if (length > left) throw new VdcError('FILE_REFUSED', 'has headers that take too much reading')
    left -= length
    const buffer = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.handle.read(buffer, filled, length - filled, at + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return buffer.subarray(0, filled)
  }
  return {
    size: file.size,
    async read(at, length) {
      if (!Number.isSafeInteger(at) || at < 0 || length <= 0) return Buffer.alloc(0)
      const isKept = at >= window.at && at + length <= window.at + window.bytes.length
      if (!isKept && length > WINDOW) return readFresh(at, length)
      if (!isKept) window = { at, bytes: await readFresh(at, Math.min(WINDOW, Math.max(length, left))) }
      return window.bytes.subarray(at - window.at, at - window.at + length)
    },
  }
}

/** Reads exactly so many bytes, where a format's structure must have them. */
export async function readWhole(source: Source, at: number, length: number): Promise<Buffer> {
  const bytes = await source.read(at, length)
  if (bytes.length < length) throw truncated(at + length, source.size)
  return bytes
}

/** The refusal of a file that is shorter than its own headers say. */
export function truncated(needed: number | bigint, size: number): VdcError {
  return new VdcError('FILE_REFUSED', `is damaged or truncated: it needs ${needed} bytes and has ${size}`)
}
