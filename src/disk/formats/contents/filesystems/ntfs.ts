import type { Inspector } from '../../../inspect/inspector.ts'
import { exact, isPowerOfTwo } from '../../shared.ts'

/*
 * The boot sector, as defined in the Linux kernel's NTFS driver:
 * https://github.com/torvalds/linux/blob/master/fs/ntfs3/ntfs.h
 * Numbers are little-endian.
 */

const OEM_AT = 3
const NO_COPY = 'has no backup boot sector after its last sector: it may be truncated'

/** Recognises a raw disk that is a single NTFS filesystem. */
export const ntfs: Inspector = {
  name: 'ntfs',
  kind: 'contents',
  title: 'an NTFS filesystem',
  async inspect(source) {
    const sector = await source.read(0, 512)
    if (sector.length < 512 || sector.toString('latin1', OEM_AT, OEM_AT + 8) !== 'NTFS    ') return undefined
    const sectorLength = sector.readUInt16LE(11)
    const isPlausible =
      isPowerOfTwo(sectorLength, 256, 4096) && sector.readUInt16LE(14) === 0 && sector.readUInt8(16) === 0
    if (!isPlausible) return undefined
    const counted = sector.readBigUInt64LE(40) * BigInt(sectorLength)
    // The backup boot sector after the last sector is not counted.
    const withCopy = counted + BigInt(sectorLength)
    if (counted === BigInt(source.size)) return { at: OEM_AT, end: exact(counted), warnings: [NO_COPY] }
    return { at: OEM_AT, end: exact(withCopy > source.size ? withCopy : counted) }
  },
}
