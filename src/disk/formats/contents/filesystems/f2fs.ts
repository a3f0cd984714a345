import type { Inspector } from '../../../inspect/inspector.ts'
import { exact } from '../../shared.ts'

/*
 * The superblock, as defined in the Linux kernel, and the documentation of the layout:
 * https://github.com/torvalds/linux/blob/master/include/linux/f2fs_fs.h
 * https://docs.kernel.org/filesystems/f2fs.html
 * Numbers are little-endian.
 */

const SUPERBLOCK = 1024
const MAGIC = 0xf2f52010

/** Recognises a raw disk that is a single F2FS filesystem. */
export const f2fs: Inspector = {
  name: 'f2fs',
  kind: 'contents',
  title: 'an F2FS filesystem',
  async inspect(source) {
    const superblock = await source.read(SUPERBLOCK, 64)
    if (superblock.length < 64 || superblock.readUInt32LE(0) !== MAGIC) return undefined
    const logSector = superblock.readUInt32LE(8)
    const logBlock = superblock.readUInt32LE(16)
    const isPlausible =
      logSector >= 9 && logBlock >= 12 && logBlock <= 16 && superblock.readUInt32LE(12) + logSector === logBlock
    return isPlausible ? { at: SUPERBLOCK, end: exact(superblock.readBigUInt64LE(36) << BigInt(logBlock)) } : undefined
  },
}
