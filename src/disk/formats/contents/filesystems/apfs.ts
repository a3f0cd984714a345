import type { Inspector } from '../../../inspect/inspector.ts'
import { encryptedWith, exact, isPowerOfTwo } from '../../shared.ts'

/*
 * Apple File System Reference, "Container", nx_superblock_t:
 * https://developer.apple.com/support/downloads/Apple-File-System-Reference.pdf
 * Numbers are little-endian.
 */

const MAGIC_AT = 32

/** The hint for a disk that is encrypted with FileVault. */
export const FILEVAULT = 'Turn off FileVault in the guest, then make the image again'

/** Offset of the number of blocks of the container's keybag, "nx_keylocker". */
const KEYS_AT = 1304

/** Returns whether bytes are the start of a container with a keybag, which only FileVault uses. */
export function isEncryptedApfs(superblock: Buffer): boolean {
  return isApfs(superblock) && superblock.length >= KEYS_AT + 8 && superblock.readBigUInt64LE(KEYS_AT) !== 0n
}

function isApfs(superblock: Buffer): boolean {
  if (superblock.length < 64 || superblock.toString('latin1', MAGIC_AT, MAGIC_AT + 4) !== 'NXSB') return false
  return isPowerOfTwo(superblock.readUInt32LE(36), 4096, 65536)
}

/** Recognises a raw disk that is a single APFS container. */
export const apfs: Inspector = {
  name: 'apfs',
  kind: 'contents',
  title: 'an APFS container',
  async inspect(source) {
    const superblock = await source.read(0, 4096)
    if (!isApfs(superblock)) return undefined
    const end = exact(superblock.readBigUInt64LE(40) * BigInt(superblock.readUInt32LE(36)))
    const finding = { at: MAGIC_AT, end }
    return isEncryptedApfs(superblock) ? { ...finding, refusals: [encryptedWith('FileVault', FILEVAULT)] } : finding
  },
}
