import type { Inspector } from '../../../inspect/inspector.ts'

/*
 * The superblock, as defined in the Linux kernel, and the documentation of the layout:
 * https://github.com/torvalds/linux/blob/master/fs/erofs/erofs_fs.h
 * https://docs.kernel.org/filesystems/erofs.html
 * Numbers are little-endian.
 */

const SUPERBLOCK = 1024
const MAGIC = 0xe0f5e1e2

/** Recognises a raw disk that is a single EROFS filesystem. */
export const erofs: Inspector = {
  name: 'erofs',
  kind: 'contents',
  title: 'an EROFS filesystem',
  async inspect(source) {
    const superblock = await source.read(SUPERBLOCK, 128)
    if (superblock.length < 128 || superblock.readUInt32LE(0) !== MAGIC) return undefined
    const logBlock = superblock.readUInt8(12)
    if (logBlock < 9 || logBlock > 16) return undefined
    return { at: SUPERBLOCK, end: superblock.readUInt32LE(36) * 2 ** logBlock }
  },
}
