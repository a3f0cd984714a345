import type { Inspector } from '../../inspect/inspector.ts'
import { hasBytes, mustBeCopied } from '../shared.ts'

/** The .xz File Format, "Header Magic Bytes": https://tukaani.org/xz/xz-file-format.txt */
const MAGIC = '\xfd7zXZ\0'

/** Recognises a file compressed with xz. */
export const xz: Inspector = {
  name: 'xz',
  kind: 'packed',
  title: 'compressed with xz',
  async inspect(source) {
    if (!(await hasBytes(source, 0, MAGIC))) return undefined
    return { at: 0, refusals: [mustBeCopied(xz.title)] }
  },
}

/** Returns whether a file starts like an xz file. */
export function isXz(start: Buffer): boolean {
  return start.toString('latin1', 0, MAGIC.length) === MAGIC
}
