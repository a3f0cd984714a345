import type { Inspector } from '../../../inspect/inspector.ts'
import { isPowerOfTwo } from '../../shared.ts'

/*
 * The superblock, as last defined in the Linux kernel:
 * https://github.com/torvalds/linux/blob/v6.12/fs/reiserfs/reiserfs.h
 * Numbers are little-endian.
 */

/** Offsets of the superblock before Linux 2.4, and since then. */
const SUPERBLOCKS = [8 * 1024, 64 * 1024]
const MAGICS = ['ReIsErFs', 'ReIsEr2Fs', 'ReIsEr3Fs']
const MAGIC_AT = 52

/** Recognises a raw disk that is a single ReiserFS filesystem. */
export const reiserfs: Inspector = {
  name: 'reiserfs',
  kind: 'contents',
  title: 'a ReiserFS filesystem',
  async inspect(source) {
    for (const at of SUPERBLOCKS) {
      const superblock = await source.read(at, 64)
      const magic = superblock.toString('latin1', MAGIC_AT, 64).replace(/\0.*$/s, '')
      if (superblock.length < 64 || !MAGICS.includes(magic)) continue
      const block = superblock.readUInt16LE(44)
      if (!isPowerOfTwo(block, 512, 32768)) continue
      return { at: at + MAGIC_AT, end: superblock.readUInt32LE(0) * block }
    }
    return undefined
  },
}
