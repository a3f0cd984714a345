import type { Inspector } from '../inspector.ts'
import { isPowerOfTwo } from './shared.ts'

/*
 * Apple File System Reference, "Container", nx_superblock_t:
 * https://developer.apple.com/support/downloads/Apple-File-System-Reference.pdf
 * Numbers are little-endian.
 */

const MAGIC_AT = 32

/** A raw disk that is one APFS container. */
export const apfs: Inspector = {
  name: 'apfs',
  kind: 'contents',
  title: 'an APFS container',
  async inspect(source) {
    const superblock = await source.read(0, 64)
    if (superblock.length < 64 || superblock.toString('latin1', MAGIC_AT, MAGIC_AT + 4) !== 'NXSB') return undefined
    const block = superblock.readUInt32LE(36)
    if (!isPowerOfTwo(block, 4096, 65536)) return undefined
    return { at: MAGIC_AT, end: Number(superblock.readBigUInt64LE(40)) * block }
  },
}
