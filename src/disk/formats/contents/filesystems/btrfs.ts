import type { Finding, Inspector } from '../../../inspect/inspector.ts'
import { exact, isPowerOfTwo } from '../../shared.ts'

/*
 * btrfs's documentation of its on-disk format, "Superblock":
 * https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#superblock
 * Numbers are little-endian.
 */

const SUPERBLOCK = 64 * 1024
const MAGIC = '_BHRfS_M'
/** Offset of the size of this device, after its number. */
const DEVICE_BYTES = 0xc9 + 8

/** Recognises a raw disk that is a btrfs filesystem, or one of its devices. */
export const btrfs: Inspector = {
  name: 'btrfs',
  kind: 'contents',
  title: 'a btrfs filesystem',
  async inspect(source) {
    const superblock = await source.read(SUPERBLOCK, 512)
    if (superblock.length < 512 || superblock.toString('latin1', 64, 72) !== MAGIC) return undefined
    // The superblock contains its own offset; its copies have others.
    const isFirst = superblock.readBigUInt64LE(48) === BigInt(SUPERBLOCK)
    if (!isFirst || !isPowerOfTwo(superblock.readUInt32LE(144), 512, 65536)) return undefined
    const finding: Finding = { at: SUPERBLOCK + 64, end: exact(superblock.readBigUInt64LE(DEVICE_BYTES)) }
    const devices = superblock.readBigUInt64LE(136)
    if (devices > 1n) finding.warnings = [`is one of ${devices} devices of a btrfs filesystem`]
    return finding
  },
}
