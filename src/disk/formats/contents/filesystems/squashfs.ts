import type { Inspector } from '../../../inspect/inspector.ts'
import { exact, isPowerOfTwo } from '../../shared.ts'

/*
 * The superblock, as defined in the Linux kernel, and the documentation of the layout:
 * https://github.com/torvalds/linux/blob/master/fs/squashfs/squashfs_fs.h
 * https://docs.kernel.org/filesystems/squashfs.html
 * Numbers are little-endian.
 */

/** Recognises a raw disk that is a single SquashFS filesystem of version 4. */
export const squashfs: Inspector = {
  name: 'squashfs',
  kind: 'contents',
  title: 'a SquashFS filesystem',
  async inspect(source) {
    const superblock = await source.read(0, 96)
    if (superblock.length < 96 || superblock.toString('latin1', 0, 4) !== 'hsqs') return undefined
    const block = superblock.readUInt32LE(12)
    const version = superblock.readUInt16LE(28)
    const isPlausible =
      version === 4 && isPowerOfTwo(block, 4096, 1024 * 1024) && superblock.readUInt16LE(22) === Math.log2(block)
    return isPlausible ? { at: 0, version, end: exact(superblock.readBigUInt64LE(40)) } : undefined
  },
}
