import type { Inspector } from '../../inspect/inspector.ts'
import { mustBeCopied } from '../shared.ts'

/*
 * A description of the format, derived from bzip2's source, "StreamHeader" and "BlockHeader":
 * https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf
 */

/** The level as a digit, then pi, which starts a block, or the square root of pi, which ends an empty file. */
const START = /^425a683[1-9](?:314159265359|177245385090)/

/** Recognises a file compressed with bzip2. */
export const bzip2: Inspector = {
  name: 'bzip2',
  kind: 'packed',
  title: 'compressed with bzip2',
  async inspect(source) {
    return isBzip2(await source.read(0, 10)) ? { at: 0, refusals: [mustBeCopied(bzip2.title)] } : undefined
  },
}

/** Returns whether a file starts like a bzip2 file. */
export function isBzip2(start: Buffer): boolean {
  return START.test(start.toString('hex', 0, 10))
}
