import type { Inspector } from '../../../inspect/inspector.ts'
import { exact } from '../../shared.ts'

/*
 * Microsoft's exFAT specification, "Main and Backup Boot Sector":
 * https://learn.microsoft.com/en-us/windows/win32/fileio/exfat-specification
 * Numbers are little-endian.
 */

const NAME_AT = 3

/** Recognises a raw disk that is a single exFAT filesystem. */
export const exfat: Inspector = {
  name: 'exfat',
  kind: 'contents',
  title: 'an exFAT filesystem',
  async inspect(source) {
    const sector = await source.read(0, 512)
    if (sector.length < 512 || sector.toString('latin1', NAME_AT, NAME_AT + 8) !== 'EXFAT   ') return undefined
    const shift = sector.readUInt8(108)
    const clusterShift = sector.readUInt8(109)
    const isPlausible =
      sector.subarray(11, 64).every((byte) => byte === 0) && shift >= 9 && shift <= 12 && shift + clusterShift <= 25
    return isPlausible ? { at: NAME_AT, end: exact(sector.readBigUInt64LE(72) << BigInt(shift)) } : undefined
  },
}
