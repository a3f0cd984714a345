import type { Inspector } from '../../../inspect/inspector.ts'
import { isPowerOfTwo } from '../../shared.ts'

/*
 * Apple's Technical Note TN1150, "Volume Header":
 * https://developer.apple.com/library/archive/technotes/tn/tn1150.html
 * Numbers are big-endian.
 */

const HEADER = 1024

/** Recognises a raw disk that is a single HFS+ or HFSX (case-sensitive) filesystem. */
export const hfsplus: Inspector = {
  name: 'hfsplus',
  kind: 'contents',
  title: 'an HFS+ filesystem',
  async inspect(source) {
    const header = await source.read(HEADER, 512)
    if (header.length < 512) return undefined
    const signature = header.toString('latin1', 0, 2)
    const version = header.readUInt16BE(2)
    const block = header.readUInt32BE(40)
    const isKnown = (signature === 'H+' && version === 4) || (signature === 'HX' && version === 5)
    if (!isKnown || !isPowerOfTwo(block, 512, 2 ** 31)) return undefined
    return { at: HEADER, version, end: header.readUInt32BE(44) * block }
  },
}
