import type { Inspector } from '../../../inspect/inspector.ts'
import { exact, isPowerOfTwo } from '../../shared.ts'

/*
 * The superblock as FreeBSD has it: https://github.com/freebsd/freebsd-src/blob/main/sys/ufs/ffs/fs.h
 * Numbers are as the machine had them that made it.
 */

/** The place of version 1, and that of version 2 on FreeBSD; makefs puts both versions at the first. */
const SUPERBLOCKS = [8 * 1024, 64 * 1024]
const MAGICS = [
  { version: 1, magic: 0x00011954 },
  { version: 2, magic: 0x19540119 },
]
const MAGIC_AT = 1372
/** Where the filesystem's fragments are counted: 32 bits in version 1, 64 in version 2. */
const SIZE_AT = { old: 36, new: 1080 }

/** A raw disk that is one UFS filesystem of a BSD. */
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
        const number = (offset: number) =>
          isLittle ? superblock.readUInt32LE(offset) : superblock.readUInt32BE(offset)
        const large = (offset: number) =>
          isLittle ? superblock.readBigUInt64LE(offset) : superblock.readBigUInt64BE(offset)
        const fragment = number(52)
        if (!isPowerOfTwo(number(48), 4096, 65536) || !isPowerOfTwo(fragment, 512, 65536)) continue
        const fragments = version === 1 ? BigInt(number(SIZE_AT.old)) : large(SIZE_AT.new)
        return {
          at: at + MAGIC_AT,
          title: `a UFS${version} filesystem`,
          version,
          end: exact(fragments * BigInt(fragment)),
        }
      }
    }
    return undefined
  },
}
