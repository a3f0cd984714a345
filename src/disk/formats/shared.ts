import type { Source } from '../file/source.ts'
import { FILE } from '../inspect/inspection.ts'
import type { Refusal } from '../inspect/refusal.ts'

/** Characters of a name that are shown; who writes longer ones wants to be a nuisance. */
const SHOWN = 200

/** The refusal of what a later version of the format brought, or damage looks like. */
export function needsNewerQemu(why: string): Refusal {
  return { why, hint: 'It is damaged, or a newer QEMU made it: convert it there to plain qcow2' }
}

/** A name that a file holds, for people: up to its NUL, and not all of a very long one. */
export async function nameIn(source: Source, at: number, length: number): Promise<string> {
  return shownName(await source.read(at, length))
}

/** Bytes as a name for people: up to their NUL, and not all of a very long one. */
function shownName(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  const name = bytes.subarray(0, end === -1 ? undefined : end).toString('utf8')
  return name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name
}

/** Says whether bytes at an offset are these. */
export async function hasBytes(source: Source, at: number, bytes: Buffer | string): Promise<boolean> {
  const expected = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
  return (await source.read(at, expected.length)).equals(expected)
}

/** The warning of a format that QEMU keeps only for old images. */
export const LEGACY = 'is of a format that nobody develops any more: convert it to qcow2'

/** Says whether a number is a power of two within bounds, as sizes of blocks are. */
export function isPowerOfTwo(number: number, least: number, most: number): boolean {
  return number >= least && number <= most && Number.isInteger(Math.log2(number))
}

/** A number of 64 bits: as a bigint only if a double can't hold it exactly. */
export function exact(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

/** The largest of numbers, each of which may be of 64 bits; 0 for none. */
export function largest(...numbers: (number | bigint)[]): number | bigint {
  return numbers.reduce((most, each) => (each > most ? each : most), 0)
}

/** The warning that a table tells of more than there is, where such files are known to work. */
export function shorterThanClaimed(needed: number | bigint, size: number): string {
  return `says that it has ${needed} bytes, and the file has ${size}`
}

/** The refusal of a packed file. `title` is how it is packed; `command` unpacks it, the file's name left out. */
export function mustBeUnpacked(title: string, command: string): Refusal {
  return {
    why: `is ${title}, which the agents cannot unpack`,
    hint: `Unpack it and register the disk image inside: ${command}`,
  }
}

/** The refusal of a disk that is encrypted. `title` is with what, and where. */
export function encryptedWith(title: string, hint: string): Refusal {
  return { why: `is encrypted (${title}): no instance could boot it`, hint }
}

/** The refusal of an image that QEMU reads and can't write. `format` is QEMU's name. */
export function mustBeConverted(format: string): Refusal {
  return {
    why: `is in the format ${format}, which instances cannot use`,
    hint: `Convert it: qemu-img convert -f ${format} -O qcow2 ${FILE} OUT.qcow2`,
  }
}
