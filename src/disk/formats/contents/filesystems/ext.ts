import type { Inspector } from '../../../inspect/inspector.ts'
import { exact } from '../../shared.ts'

/*
 * The Linux kernel's documentation of ext4, "Super Block", which also applies to ext2 and ext3:
 * https://docs.kernel.org/filesystems/ext4/globals.html#super-block
 * Numbers are little-endian.
 */

const SUPERBLOCK = 1024
const MAGIC = 0xef53
const MAGIC_AT = SUPERBLOCK + 56

const HAS_JOURNAL = 0x4
const EXTENTS = 0x40
const SIXTY_FOUR_BIT = 0x80

/** Recognises a raw disk that is a single ext2, ext3 or ext4 filesystem. */
export const ext: Inspector = {
  name: 'ext',
  kind: 'contents',
  title: 'an ext filesystem',
  async inspect(source) {
    const superblock = await source.read(SUPERBLOCK, 1024)
    if (superblock.length < 1024 || superblock.readUInt16LE(56) !== MAGIC) return undefined
    const logBlock = superblock.readUInt32LE(24)
    const block = 1024 << Math.min(logBlock, 6)
    // Blocks, or clusters of blocks (bigalloc). A bitmap of one block has a bit for each.
    const clustersPerGroup = superblock.readUInt32LE(36)
    const inodesPerGroup = superblock.readUInt32LE(40)
    const firstBlock = superblock.readUInt32LE(20)
    const isPlausible =
      logBlock <= 6 &&
      firstBlock <= 1 &&
      superblock.readUInt32LE(76) <= 1 &&
      superblock.readUInt32LE(0) >= inodesPerGroup &&
      inodesPerGroup > 0 &&
      inodesPerGroup <= 8 * block &&
      clustersPerGroup > 0 &&
      clustersPerGroup <= 8 * block
    if (!isPlausible) return undefined
    const incompatible = superblock.readUInt32LE(96)
    const high = incompatible & SIXTY_FOUR_BIT ? superblock.readUInt32LE(336) : 0
    const blocks = BigInt(superblock.readUInt32LE(4)) + (BigInt(high) << 32n)
    return { at: MAGIC_AT, title: `an ext${versionOf(superblock)} filesystem`, end: exact(blocks * BigInt(block)) }
  },
}

/** Returns the version with which a filesystem was probably made, by its features. */
function versionOf(superblock: Buffer): 2 | 3 | 4 {
  const compatible = superblock.readUInt32LE(92)
  const incompatible = superblock.readUInt32LE(96)
  if (incompatible & (EXTENTS | SIXTY_FOUR_BIT)) return 4
  return compatible & HAS_JOURNAL ? 3 : 2
}
