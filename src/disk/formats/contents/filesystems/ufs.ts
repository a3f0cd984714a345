import type { Finding, Inspector } from '../../../inspect/inspector.ts'
import { exact, isPowerOfTwo } from '../../shared.ts'

/*
 * The superblock, as defined in FreeBSD: https://github.com/freebsd/freebsd-src/blob/main/sys/ufs/ffs/fs.h
 * Numbers have the byte order of the machine that made it.
 */

/** Offset of the superblock in version 1, and in version 2 on FreeBSD. makefs uses the first for both versions. */
const SUPERBLOCKS = [8 * 1024, 64 * 1024]
const MAGICS = [
  { version: 1, magic: 0x00011954 },
  { version: 2, magic: 0x19540119 },
]
const MAGIC_AT = 1372
/** Offsets of the number of fragments: 32 bits in version 1, 64 bits in version 2. */
const SIZE_AT = { old: 36, new: 1080 }

/** Recognises a raw disk that is a single UFS filesystem of a BSD. */
export const ufs: Inspector = {
  name: 'ufs',
  kind: 'contents',
  title: 'a UFS filesystem',
  async inspect(source) {
    for (const at of SUPERBLOCKS) {
      const superblock = await source.read(at, MAGIC_AT + 4)
      if (superblock.length < MAGIC_AT + 4) continue
      for (const { version, magic } of MAGICS) {
        const isLittle = superblock.readUInt32LE(MAGIC_AT) === magic
        if (!isLittle && superblock.readUInt32BE(MAGIC_AT) !== magic) continue
        const end = endOf(superblock, version, isLittle)
        if (end !== undefined) return { at: at + MAGIC_AT, title: `a UFS${version} filesystem`, version, end }
      }
    }
    return undefined
  },
}

/** Returns the offset after the filesystem; undefined if the sizes of its blocks and fragments are not possible. */
function endOf(superblock: Buffer, version: number, isLittle: boolean): Finding['end'] {
  const number = (offset: number) => (isLittle ? superblock.readUInt32LE(offset) : superblock.readUInt32BE(offset))
  const large = (offset: number) => (isLittle ? superblock.readBigUInt64LE(offset) : superblock.readBigUInt64BE(offset))
  const block = number(48)
  const fragment = number(52)
  if (!isPowerOfTwo(block, 4096, 65536) || !isPowerOfTwo(fragment, 512, 65536)) return undefined
  const fragments = version === 1 ? BigInt(number(SIZE_AT.old)) : large(SIZE_AT.new)
  return exact(fragments * BigInt(fragment))
}
