import type { Inspector } from '../../inspect/inspector.ts'
import { mustBeCopied } from '../shared.ts'

/*
 * RFC 8878, section 3.1: https://www.rfc-editor.org/rfc/rfc8878
 * Numbers are little-endian.
 */

const FRAME = 0xfd2fb528
/** Skippable frames of 16 types may come first; this is their magic number without its last digit. */
const SKIPPABLE = 0x184d2a5
const SKIPPABLE_LIMIT = 16

/** Recognises a file compressed with Zstandard. */
export const zstd: Inspector = {
  name: 'zstd',
  kind: 'packed',
  title: 'compressed with zstd',
  async inspect(source) {
    let at = 0
    for (let skipped = 0; skipped <= SKIPPABLE_LIMIT; skipped++) {
      const head = await source.read(at, 8)
      if (head.length < 8) return undefined
      const magic = head.readUInt32LE(0)
      if (magic === FRAME) return { at, refusals: [mustBeCopied(zstd.title)] }
      if (!isSkippable(magic)) return undefined
      at += 8 + head.readUInt32LE(4)
    }
    return undefined
  },
}

/** Returns whether a file starts with a frame of Zstandard, which may be a skippable one. */
export function isZstd(start: Buffer): boolean {
  if (start.length < 4) return false
  const magic = start.readUInt32LE(0)
  return magic === FRAME || isSkippable(magic)
}

function isSkippable(magic: number): boolean {
  return magic >>> 4 === SKIPPABLE
}
