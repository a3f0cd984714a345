import { readWhole, type Source } from '../source.ts'

/** How a format with tables of two levels finds the clusters of the disk. */
export interface ClusterTables {
  cluster: number
  /** Of the first level. */
  tableAt: number
  tableEntries: number
  /** Bytes of a table of the second level, and of each of its entries. */
  secondLength: number
  entryLength: number
  isBigEndian: boolean
  /** The bits of an entry that are an offset. */
  mask: bigint
}

/** Says whether an offset of the file lies in a cluster of the disk. */
export async function isInCluster(source: Source, offset: number, tables: ClusterTables): Promise<boolean> {
  const offsetIn = (bytes: Buffer, at: number) =>
    Number((tables.isBigEndian ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at)) & tables.mask)
  const wanted = offset - (offset % tables.cluster)
  const seen = new Set([0])
  for (let first = 0; first < tables.tableEntries; first++) {
    const entry = await source.read(tables.tableAt + first * 8, 8)
    if (entry.length < 8) return false
    const secondAt = offsetIn(entry, 0)
    if (seen.has(secondAt)) continue
    seen.add(secondAt)
    const second = await source.read(secondAt, tables.secondLength)
    for (let at = 0; at + 8 <= second.length; at += tables.entryLength) if (offsetIn(second, at) === wanted) return true
  }
  return false
}

/** Bytes of a table that are read at once. */
const STEP = 1024 * 1024

/**
 * Byte behind the last one that the tables refer to; up to the disk's end, a
 * cluster is there as a whole. It stops early at what lies beyond the file's end.
 *
 * @param zeros entries of the second level up to this one are no offset.
 */
export async function endOfClusters(
  source: Source,
  tables: ClusterTables,
  virtualSize: number,
  zeros: bigint,
): Promise<number> {
  const { cluster, secondLength, entryLength } = tables
  let end = tables.tableAt + tables.tableEntries * 8
  let tableBytes = 0
  const offsetIn = (bytes: Buffer, at: number) =>
    (tables.isBigEndian ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at)) & tables.mask
  for (let first = 0; first < tables.tableEntries; first++) {
    const secondAt = Number(offsetIn(await readWhole(source, tables.tableAt + first * 8, 8), 0))
    if (secondAt === 0) continue
    tableBytes += secondLength
    end = Math.max(end, secondAt + secondLength)
    // More tables than the file has room for lie over each other.
    if (end > source.size || tableBytes > source.size) return end
    let left = virtualSize - (first * secondLength * cluster) / entryLength
    for (let from = 0; from < secondLength; from += STEP) {
      const piece = await readWhole(source, secondAt + from, Math.min(STEP, secondLength - from))
      for (let at = 0; at < piece.length; at += entryLength, left -= cluster) {
        const offset = offsetIn(piece, at)
        if (offset > zeros) end = Math.max(end, Number(offset) + Math.min(cluster, Math.max(left, 0)))
      }
    }
  }
  return end
}
