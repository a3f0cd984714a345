import type { Inspector } from '../../inspect/inspector.ts'

/** RFC 1952, section 2.3: https://www.rfc-editor.org/rfc/rfc1952 */
const MAGIC = 0x1f8b
/** The only method of compression that there is. */
const DEFLATE = 8

/** A file compressed with gzip; the agents unpack it. */
export const gzip: Inspector = {
  name: 'gzip',
  kind: 'packed',
  title: 'compressed with gzip',
  async inspect(source) {
    return isGzip(await source.read(0, 3)) ? { at: 0 } : undefined
  },
}

/** Says whether a file begins as gzip does. */
export function isGzip(start: Buffer): boolean {
  return start.length >= 3 && start.readUInt16BE(0) === MAGIC && start[2] === DEFLATE
}
