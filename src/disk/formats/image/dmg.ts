import { FILE } from '../../inspect/inspection.ts'
import type { Inspector } from '../../inspect/inspector.ts'
import { encryptedWith, exact, hasBytes, mustBeConverted } from '../shared.ts'

/*
 * The trailer, as defined in libdmg-hfsplus, "UDIFResourceFile":
 * https://github.com/planetbeing/libdmg-hfsplus/blob/master/includes/dmg/dmg.h
 * Numbers are big-endian.
 */

const TRAILER = 512
const VERSION = 4
const SECTORS_AT = 492

/** Recognises a macOS disk image (UDIF) by the trailer at its end. QEMU can only read it. */
export const dmg: Inspector = {
  name: 'dmg',
  kind: 'image',
  title: 'a macOS disk image',
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

/** First bytes of an encrypted image of version 2. */
const ENCRYPTED_START = 'encrcdsa'
/** Last bytes of an encrypted image of version 1. */
const ENCRYPTED_END = 'cdsaencr'

/**
 * Recognises an encrypted macOS disk image, as documented by libmodi:
 * https://github.com/libyal/libmodi/blob/main/documentation/Mac%20OS%20disk%20image%20types.asciidoc
 */
export const encryptedDmg: Inspector = {
  name: 'dmg',
  kind: 'image',
  title: 'an encrypted macOS disk image',
  async inspect(source) {
    const isStart = await hasBytes(source, 0, ENCRYPTED_START)
    const end = source.size - ENCRYPTED_END.length
    if (!isStart && !(await hasBytes(source, end, ENCRYPTED_END))) return undefined
    const hint = `Decrypt it on macOS with its password: hdiutil convert ${FILE} -format UDTO -o OUT`
    return { at: isStart ? 0 : end, refusals: [encryptedWith('a macOS disk image', hint)] }
  },
}
