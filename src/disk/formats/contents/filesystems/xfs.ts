import type { Inspector } from '../../../inspect/inspector.ts'
import { exact, isPowerOfTwo } from '../../shared.ts'

/*
 * XFS Algorithms & Data Structures, "Superblocks":
 * https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf
 * Numbers are big-endian.
 */

/** Recognises a raw disk that is a single XFS filesystem. */
export const xfs: Inspector = {
  name: 'xfs',
  kind: 'contents',
  title: 'an XFS filesystem',
  async inspect(source) {
    const superblock = await source.read(0, 512)
    if (superblock.length < 512 || superblock.toString('latin1', 0, 4) !== 'XFSB') return undefined
    const block = superblock.readUInt32BE(4)
    const version = superblock.readUInt16BE(100) & 0xf
    const isPlausible =
      isPowerOfTwo(block, 512, 65536) &&
      superblock.readUInt8(120) === Math.log2(block) &&
      isPowerOfTwo(superblock.readUInt16BE(102), 512, 32768) &&
      version >= 1 &&
      version <= 5
    if (!isPlausible) return undefined
    return { at: 0, version, end: exact(superblock.readBigUInt64BE(8) * BigInt(block)) }
  },
}
