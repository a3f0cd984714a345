/** Returns the lookup table of a 32-bit CRC. The bits of the polynomial are reversed, as the lowest bit comes first. */
function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1
    return rest
  })
}

const IEEE = tableOf(0xedb88320)
let castagnoli: Uint32Array | undefined

/**
 * Returns the CRC-32 of bytes with IEEE 802.3's polynomial, as UEFI and U-Boot use it (RFC
 * 1952, section 8: https://www.rfc-editor.org/rfc/rfc1952). Node 20's zlib has no CRC-32.
 *
 * @param before the CRC of the bytes before these. Default: there are none.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  return sumOf(bytes, IEEE, before)
}

/** Returns the CRC-32C of bytes, with Castagnoli's polynomial (RFC 3720, appendix B.4: https://www.rfc-editor.org/rfc/rfc3720). */
export function crc32c(bytes: Uint8Array): number {
  castagnoli ??= tableOf(0x82f63b78)
  return sumOf(bytes, castagnoli)
}

function sumOf(bytes: Uint8Array, table: Uint32Array, before = 0): number {
  let crc = before ^ 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number)
  return (crc ^ 0xffffffff) >>> 0
}
