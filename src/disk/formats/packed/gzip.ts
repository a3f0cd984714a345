import type { Inspector } from '../../inspect/inspector.ts'

/** RFC 1952, section 2.3: https://www.rfc-editor.org/rfc/rfc1952 */
const MAGIC = 0x1f8b
/** The only compression method in use. */
const DEFLATE = 8

/** Recognises a file compressed with gzip, which the agents can unpack. */
export const gzip: Inspector = {
  name: 'gzip',
  kind: 'packed',
  title: 'compressed with gzip',
  async inspect(source) {
    return isGzip(await source.read(0, 3)) ? { at: 0 } : undefined
  },
}

/** Returns whether a file starts like a gzip file. */
export function isGzip(start: Buffer): boolean {
  return start.length >= 3 && start.readUInt16BE(0) === MAGIC && start[2] === DEFLATE
}
