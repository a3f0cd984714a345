import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { GuestFiles } from '../tree/guest-files.ts'
import type { GuestPath } from '../tree/guest-path.ts'
import { CpioNames } from './cpio.ts'

/** Bytes of the largest initramfs that is read. */
const LARGEST = 128 << 20
/** Bytes of the largest one after unpacking. */
const LARGEST_UNPACKED = 512 << 20
const GZIP = [0x1f, 0x8b]

/**
 * Returns whether an initramfs holds a file whose name matches. It is a cpio archive, packed with gzip, and
 * perhaps one that is not packed before it, with microcode.
 *
 * @returns undefined if that is unknown: the file is too large, damaged, or packed in another way.
 */
export async function initramfsHas(files: GuestFiles, path: GuestPath, name: RegExp): Promise<boolean | undefined> {
  const found = await files.find(path)
  if (found === undefined || found.stat.size > LARGEST) return undefined
  const bytes = await files.bytes(found, LARGEST)
  const early = new CpioNames()
  const { names, used } = early.read(bytes)
  if (names.some((each) => name.test(each))) return true
  if (!early.isOther) return early.isAtEnd ? false : undefined
  const rest = bytes.subarray(used)
  return GZIP.every((byte, at) => rest[at] === byte) ? unpackedHas(rest, name) : undefined
}

async function unpackedHas(bytes: Buffer, name: RegExp): Promise<boolean | undefined> {
  const archive = new CpioNames()
  const unpacked = Readable.from([bytes]).pipe(createGunzip())
  let size = 0
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      size += chunk.length
      if (archive.read(chunk).names.some((each) => name.test(each))) return true
      if (archive.isOther || size > LARGEST_UNPACKED) return undefined
    }
  } catch {
    return undefined
  }
  return archive.isAtEnd ? false : undefined
}
