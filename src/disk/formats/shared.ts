import type { Refusal } from '../inspector.ts'
import type { Source } from '../source.ts'

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
export function shownName(bytes: Buffer): string {
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
