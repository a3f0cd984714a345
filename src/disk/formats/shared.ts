import type { Source } from '../file/source.ts'
import { FILE } from '../inspect/inspection.ts'
import type { Refusal } from '../inspect/refusal.ts'

/** Most characters of a name in a message. */
const SHOWN = 200

/** Returns the refusal of an unknown version or feature: the file is newer than QEMU here, or damaged. */
export function needsNewerQemu(why: string): Refusal {
  return { why, hint: 'It is damaged, or made by a newer QEMU: convert it to plain qcow2 with that QEMU' }
}

/** Reads a name in a file for a message: up to its NUL, and shortened. */
export async function nameIn(source: Source, at: number, length: number): Promise<string> {
  return shownName(await source.read(at, length))
}

function shownName(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  const name = bytes.subarray(0, end === -1 ? undefined : end).toString('utf8')
  return name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name
}

/** Returns whether a source has these bytes at an offset. Text is Latin-1. */
export async function hasBytes(source: Source, at: number, bytes: Buffer | string): Promise<boolean> {
  const expected = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
  return (await source.read(at, expected.length)).equals(expected)
}

/** The warning for a format that QEMU supports only for old images. */
export const LEGACY = 'is in a legacy format: convert it to qcow2'

/** Returns whether a number, such as a block size, is a power of two within bounds. */
export function isPowerOfTwo(number: number, least: number, most: number): boolean {
  return number >= least && number <= most && Number.isInteger(Math.log2(number))
}

/** Converts a 64-bit number to a number if a double can hold it exactly. Returns it unchanged otherwise. */
export function exact(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

/** Returns the largest number, or 0 if there are none. */
export function largest(...numbers: (number | bigint)[]): number | bigint {
  return numbers.reduce((most, each) => (each > most ? each : most), 0)
}

/** Returns the warning for a file that is shorter than its tables claim, but is known to work. */
export function shorterThanClaimed(needed: number | bigint, size: number): string {
  return `claims to have ${needed} bytes, but the file has ${size}`
}

/**
 * Returns the refusal of a file in a packing that the agents do not support.
 *
 * @param title how it is packed, such as `a zip archive`.
 * @param command that unpacks it, without the name of the file.
 */
export function mustBeUnpacked(title: string, command: string): Refusal {
  return {
    why: `is ${title}, which the agents cannot unpack`,
    hint: `Unpack it and register the disk image inside: ${command}`,
  }
}

/**
 * Returns the refusal of a file in a packing that only this program supports, of which a copy can be registered.
 *
 * @param title how it is packed, such as `a zip archive`.
 */
export function mustBeCopied(title: string): Refusal {
  return {
    why: `is ${title}, which the agents cannot unpack`,
    hint: `Register a copy with --convert qcow2, or make one: vdc-manage image convert ${FILE} OUT.qcow2 --to qcow2`,
  }
}

/**
 * Returns the refusal of an encrypted disk.
 *
 * @param title the program that encrypted it, and where on the disk.
 * @param hint how to decrypt it.
 */
export function encryptedWith(title: string, hint: string): Refusal {
  return { why: `is encrypted (${title}): instances cannot boot it`, hint }
}

/**
 * Returns the refusal of an image that QEMU can read but not write.
 *
 * @param format QEMU's name.
 */
export function mustBeConverted(format: string): Refusal {
  return {
    why: `is in ${format} format, which instances cannot use`,
    hint: `Convert it: qemu-img convert -f ${format} -O qcow2 ${FILE} OUT.qcow2`,
  }
}
