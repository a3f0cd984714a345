import type { Inspector } from '../inspector.ts'
import { mustBeConverted } from './shared.ts'

/*
 * The trailer as libdmg-hfsplus has it, "UDIFResourceFile":
 * https://github.com/planetbeing/libdmg-hfsplus/blob/master/includes/dmg/dmg.h
 * Numbers are big-endian.
 */

const TRAILER = 512
const VERSION = 4
const SECTORS_AT = 492

/** A disk image of macOS (UDIF), which QEMU only reads. What tells it stands at its end. */
export const dmg: Inspector = {
  name: 'dmg',
  kind: 'image',
  title: 'a disk image of macOS',
  async inspect(source) {
    const at = source.size - TRAILER
    if (at < 0) return undefined
    const trailer = await source.read(at, TRAILER)
    const isTrailer =
      trailer.length === TRAILER &&
      trailer.toString('latin1', 0, 4) === 'koly' &&
      trailer.readUInt32BE(4) === VERSION &&
      trailer.readUInt32BE(8) === TRAILER
    if (!isTrailer) return undefined
    const virtualSize = Number(trailer.readBigUInt64BE(SECTORS_AT)) * 512
    return { at, version: VERSION, virtualSize, refusals: [mustBeConverted('dmg')] }
  },
}
