import type { Source } from '../../file/source.ts'
import { TABLE_BYTES_LIMIT, TABLE_LIMIT } from '../../inspect/layout.ts'
import { pieceBuffer, piecesOfTable } from '../../inspect/table-pieces.ts'

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
  /** The bits of an entry that are an offset: of its upper 32 bits, and of its lower ones. */
  mask: readonly [high: number, low: number]
}

/** The offset in an entry of a table. */
function offsetIn({ isBigEndian, mask }: ClusterTables, bytes: Buffer, at: number): number {
  const [high, low] = isBigEndian
    ? [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)]
    : [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at)]
  return ((high & mask[0]) >>> 0) * 2 ** 32 + ((low & mask[1]) >>> 0)
}

/** Says whether an offset of the file lies in a cluster of the disk. */
export async function isInCluster(source: Source, offset: number, tables: ClusterTables): Promise<boolean> {
  const wanted = offset - (offset % tables.cluster)
  const seen = new Set([0])
  const buffer = pieceBuffer(tables.secondLength)
  for await (const first of piecesOfTable(source, tables.tableAt, tables.tableEntries * 8)) {
    for (let each = 0; each < first.bytes.length; each += 8) {
      const secondAt = offsetIn(tables, first.bytes, each)
      if (seen.has(secondAt)) continue
      seen.add(secondAt)
      for await (const { bytes } of piecesOfTable(source, secondAt, tables.secondLength, buffer)) {
        for (let at = 0; at < bytes.length; at += tables.entryLength)
          if (offsetIn(tables, bytes, at) === wanted) return true
      }
    }
  }
  return false
}

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
  zeros: number,
): Promise<number> {
  const { cluster, secondLength, entryLength } = tables
  let end = tables.tableAt + tables.tableEntries * 8
  const buffer = pieceBuffer(secondLength)
  // What has more tables than are read is left to qemu-img check.
  let tablesLeft = Math.min(
    TABLE_LIMIT,
    (Math.min(source.size, TABLE_BYTES_LIMIT) - tables.tableEntries * 8) / secondLength,
  )
  for await (const first of piecesOfTable(source, tables.tableAt, tables.tableEntries * 8)) {
    for (let each = 0; each < first.bytes.length; each += 8) {
      const secondAt = offsetIn(tables, first.bytes, each)
      if (secondAt === 0) continue
      end = Math.max(end, secondAt + secondLength)
      // More tables than the file has room for lie over each other.
      if (end > source.size || --tablesLeft < 0) return end
      const firstGuest = (((first.from + each) / 8) * secondLength * cluster) / entryLength
      for await (const { from, bytes } of piecesOfTable(source, secondAt, secondLength, buffer)) {
        let left = virtualSize - firstGuest - (from / entryLength) * cluster
        for (let at = 0; at < bytes.length; at += entryLength, left -= cluster) {
          const offset = offsetIn(tables, bytes, at)
          if (offset > zeros) end = Math.max(end, offset + Math.min(cluster, Math.max(left, 0)))
        }
      }
    }
  }
  return end
}
