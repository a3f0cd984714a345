import type { Inspector } from '../../../inspect/inspector.ts'
import { exact, isPowerOfTwo, largest } from '../../shared.ts'

/*
 * The superblock, as defined in the Linux kernel:
 * https://github.com/torvalds/linux/blob/master/fs/jfs/jfs_superblock.h
 * Numbers are little-endian.
 */

const SUPERBLOCK = 32 * 1024
/** Offset of the extent of the log, which is not part of the size: 24 bits of length, 40 bits of address. */
const LOG_EXTENT = 72

/** Recognises a raw disk that is a single JFS filesystem. */
export const jfs: Inspector = {
  name: 'jfs',
  kind: 'contents',
  title: 'a JFS filesystem',
  async inspect(source) {
    const superblock = await source.read(SUPERBLOCK, 128)
    if (superblock.length < 128 || superblock.toString('latin1', 0, 4) !== 'JFS1') return undefined
    const version = superblock.readUInt32LE(4)
    const block = superblock.readUInt32LE(16)
    const sector = superblock.readUInt32LE(24)
    const isPlausible =
      version <= 2 &&
      isPowerOfTwo(block, 512, 4096) &&
      superblock.readUInt16LE(20) === Math.log2(block) &&
      isPowerOfTwo(sector, 512, 4096)
    if (!isPlausible) return undefined
    const logLength = superblock.readUIntLE(LOG_EXTENT, 3)
    const logAt = superblock.readUInt8(LOG_EXTENT + 3) * 2 ** 32 + superblock.readUInt32LE(LOG_EXTENT + 4)
    const end = largest(exact(superblock.readBigUInt64LE(8) * BigInt(sector)), (logAt + logLength) * block)
    return { at: SUPERBLOCK, version, end }
  },
}
