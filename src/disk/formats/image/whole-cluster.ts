/* Checks that the data of a compressed cluster is complete. */

/** Returns whether deflate data unpacks to a whole cluster: RFC 1951, https://www.rfc-editor.org/rfc/rfc1951. */
export async function isWholeDeflate(data: Buffer, cluster: number): Promise<boolean> {
  const { inflateRawSync, constants } = await import('node:zlib')
  try {
    return inflateRawSync(data, { finishFlush: constants.Z_FINISH, maxOutputLength: cluster }).length === cluster
  } catch {
    return false
  }
}

/**
 * Returns whether zstd data has its last block. Follows the block headers without unpacking
 * the blocks (RFC 8878, sections 3.1.1 and 3.1.1.2: https://www.rfc-editor.org/rfc/rfc8878).
 */
export function isWholeZstd(data: Buffer): boolean {
  if (data.length < 6) return false
  const descriptor = data.readUInt8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const sizeLength = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number
  const dictionaryLength = [0, 1, 2, 4][descriptor & 3] as number
  let at = 5 + (isSingleSegment ? 0 : 1) + dictionaryLength + sizeLength
  for (let isLast = false; !isLast; ) {
    if (at + 3 > data.length) return false
    const block = data.readUIntLE(at, 3)
    isLast = (block & 1) !== 0
    // A block of one repeated byte stores only that byte, whatever its length.
    at += 3 + (((block >> 1) & 3) === 1 ? 1 : block >> 3)
  }
  return at + (descriptor & 4) <= data.length
}
