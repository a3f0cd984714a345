import { FILE } from '../../inspect/inspection.ts'
import type { Inspector } from '../../inspect/inspector.ts'
import { encryptedWith, exact, hasBytes, mustBeConverted } from '../shared.ts'

/*
 * The trailer as libdmg-hfsplus has it, "UDIFResourceFile":
 * https://github.com/planetbeing/libdmg-hfsplus/blob/master/includes/dmg/dmg.h
 * Numbers are big-endian.
 */

const TRAILER = 512
const VERSION = 4
const SECTORS_AT = 492

/** A disk image of macOS (UDIF), which QEMU only reads. What tells it stands at its end. */
export const dmg: Inspector = {
  name: 'dmg',
  kind: 'image',
  title: 'a disk image of macOS',
  async inspect(source) {
    const at = source.size - TRAILER
    if (at < 0) return undefined
    const trailer = await source.read(at, TRAILER)
    const isTrailer =
      trailer.length === TRAILER &&
      trailer.toString('latin1', 0, 4) === 'koly' &&
      trailer.readUInt32BE(4) === VERSION &&
      trailer.readUInt32BE(8) === TRAILER
    if (!isTrailer) return undefined
    const virtualSize = exact(trailer.readBigUInt64BE(SECTORS_AT) * 512n)
    return { at, version: VERSION, virtualSize, refusals: [mustBeConverted('dmg')] }
  },
}

/** How an encrypted one of version 2 starts, and one of version 1 ends. */
const [ENCRYPTED_START, ENCRYPTED_END] = ['encrcdsa', 'cdsaencr']

/**
 * An encrypted disk image of macOS, as libmodi's documentation has it:
 * https://github.com/libyal/libmodi/blob/main/documentation/Mac%20OS%20disk%20image%20types.asciidoc
 */
export const encryptedDmg: Inspector = {
  name: 'dmg',
  kind: 'image',
  title: 'an encrypted disk image of macOS',
  async inspect(source) {
    const isStart = await hasBytes(source, 0, ENCRYPTED_START)
    const end = source.size - ENCRYPTED_END.length
    if (!isStart && !(await hasBytes(source, end, ENCRYPTED_END))) return undefined
    const hint = `Decrypt it on macOS, with its password: hdiutil convert ${FILE} -format UDTO -o OUT`
    return { at: isStart ? 0 : end, refusals: [encryptedWith('a disk image of macOS', hint)] }
  },
}
