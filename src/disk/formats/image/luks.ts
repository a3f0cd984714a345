import type { Inspector } from '../../inspect/inspector.ts'
import { exact } from '../shared.ts'

/*
 * LUKS On-Disk Format Specification, version 1 and version 2:
 * https://gitlab.com/cryptsetup/cryptsetup/-/wikis/Specification
 * https://gitlab.com/cryptsetup/LUKS2-docs
 * Numbers are big-endian.
 */

const MAGIC = 'LUKS\xba\xbe'

/** Recognises a disk encrypted with LUKS. */
export const luks: Inspector = {
  name: 'luks',
  kind: 'image',
  title: 'an encrypted disk (LUKS)',
  async inspect(source) {
    const header = await source.read(0, 512)
    if (header.length < 8 || header.toString('latin1', 0, 6) !== MAGIC) return undefined
    const version = header.readUInt16BE(6)
    const finding = { at: 0, version, isEncrypted: true }
    if (header.length < 512) return finding
    // Version 1 has the first sector of the payload; version 2 the length of each of its two headers.
    if (version === 1) return { ...finding, end: header.readUInt32BE(104) * 512 }
    if (version === 2) return { ...finding, end: exact(header.readBigUInt64BE(8) * 2n) }
    return finding
  },
}
