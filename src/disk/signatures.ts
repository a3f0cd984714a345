import { VdcError } from '../errors.ts'
import type { ImageFile } from './image-file.ts'
import { isTarHeader } from './tar.ts'

/** Bytes read from the start of a file: enough for every signature below. */
const HEAD = 512

interface Signature {
  name: string
  at: number
  bytes: readonly number[]
}
const GZIP: Signature = { name: 'compressed with gzip', at: 0, bytes: [0x1f, 0x8b] }
const TAR: Signature = { name: 'a tar archive', at: 257, bytes: [0x75, 0x73, 0x74, 0x61, 0x72] }

/** What wraps a disk image and qemu-img, which doesn't know it, would call raw. */
const WRAPPERS: readonly Signature[] = [
  GZIP,
  { name: 'compressed with xz', at: 0, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: 'compressed with bzip2', at: 0, bytes: [0x42, 0x5a, 0x68] },
  { name: 'compressed with zstd', at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'a zip archive', at: 0, bytes: [0x50, 0x4b, 0x03, 0x04] },
  { name: 'a 7z archive', at: 0, bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] },
  TAR,
]

/** Bytes at a file's start that tell whether it is a tar archive. */
export const TAR_HEAD = HEAD

/** Reads the start of a file, enough for every signature here. */
export async function readHead(file: ImageFile): Promise<Buffer> {
  const head = Buffer.alloc(HEAD)
  const { bytesRead } = await file.handle.read(head, 0, HEAD, 0)
  return head.subarray(0, bytesRead)
}

/** Says whether a file begins as gzip does (RFC 1952, section 2.3.1). */
export function isGzip(head: Buffer): boolean {
  return begins(head, GZIP)
}

/** Says whether a file begins as a tar archive does: with `ustar` in its first header (POSIX and GNU), or a header's sum. */
export function isTar(head: Buffer): boolean {
  return begins(head, TAR) || isTarHeader(head)
}

function begins(head: Buffer, { at, bytes }: Signature): boolean {
  return head.subarray(at, at + bytes.length).equals(Buffer.from(bytes))
}

/** qcow2, "Header": incompatible_features is a big-endian u64 at 72 since version 3; bit 2 is the external data file. */
const QCOW2_MAGIC = Buffer.from('QFI\xfb', 'latin1')
const QCOW2_DATA_FILE = 1n << 2n

/** VMDK, "Hosted Sparse Extent Header": capacity is a little-endian u64 at 12; 0 means that a descriptor names the extents. */
const VMDK_SPARSE_MAGIC = Buffer.from('KDMV')
/** A descriptor begins, after blank lines and comments, with its version; so qemu-img's own probe has it. */
const VMDK_DESCRIPTOR = /^(?:[ \t]*(?:#.*)?\r?\n)*[ \t]*(?:#\s*Disk DescriptorFile|version\s*=)/i

/**
 * Refuses, before qemu-img is let near it, what makes qemu-img open other files
 * (measured: validation.md, "Facts about qemu-img"), and what it would take for
 * a raw disk though it is an archive of one.
 *
 * @throws VdcError FILE_REFUSED.
 */
export async function refuseBySignature(file: ImageFile): Promise<void> {
  const head = Buffer.concat([await readHead(file)], HEAD)
  const refuse = (why: string, hint: string) => new VdcError('FILE_REFUSED', `The file ${file.path} ${why}`, { hint })

  const wrapper = WRAPPERS.find((signature) => begins(head, signature)) ?? (isTarHeader(head) ? TAR : undefined)
  if (wrapper) {
    const packed =
      wrapper === GZIP || wrapper === TAR ? ', or register it as it is: vdc-manage backupobject add --from-file' : ''
    throw refuse(`is ${wrapper.name}, not a disk image`, `Unpack it and register the disk image inside${packed}`)
  }

  const flatten = `Make one file of it: qemu-img convert -O qcow2 ${file.path} OUT.qcow2`
  if (
    head.subarray(0, 4).equals(QCOW2_MAGIC) &&
    head.readUInt32BE(4) >= 3 &&
    (head.readBigUInt64BE(72) & QCOW2_DATA_FILE) !== 0n
  ) {
    throw refuse('refers to an external data file', flatten)
  }
  const isDescriptor = VMDK_DESCRIPTOR.test(head.toString('latin1'))
  const isSparseWithDescriptor = head.subarray(0, 4).equals(VMDK_SPARSE_MAGIC) && head.readBigUInt64LE(12) === 0n
  if (isDescriptor || isSparseWithDescriptor) throw refuse('is a VMDK descriptor that refers to other files', flatten)
}
