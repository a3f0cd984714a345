import type { Source } from '../../file/source.ts'
import { TABLE_BYTES_LIMIT, TABLE_LIMIT } from '../../inspect/layout.ts'
import { pieceBuffer, piecesOfTable } from '../../inspect/table-pieces.ts'

/** The two-level tables of a format that map the clusters of the disk to the file. */
export interface ClusterTables {
  /** Bytes of a cluster. */
  cluster: number
  /** Offset of the first-level table. */
  tableAt: number
  /** Entries of the first-level table. */
  tableEntries: number
  /** Bytes of a second-level table. */
  secondLength: number
  /** Bytes of an entry of a second-level table. */
  entryLength: number
  isBigEndian: boolean
  /** The bits of an entry that form the offset, in its upper and its lower 32 bits. */
  mask: readonly [high: number, low: number]
}

/** Returns the offset in an entry of a table. */
function offsetIn({ isBigEndian, mask }: ClusterTables, bytes: Buffer, at: number): number {
  const [high, low] = isBigEndian
    ? [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)]
    : [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at)]
  return ((high & mask[0]) >>> 0) * 2 ** 32 + ((low & mask[1]) >>> 0)
}

/**
 * Returns whether an offset of the file is in a cluster of the disk.
 *
 * @throws VdcError FILE_REFUSED, without the name of the file, if a table is beyond its end.
 */
export async function isInCluster(source: Source, offset: number, tables: ClusterTables): Promise<boolean> {
  const wanted = offset - (offset % tables.cluster)
  const seen = new Set([0])
  const buffer = pieceBuffer(tables.secondLength)
  for await (const first of piecesOfTable(source, tables.tableAt, tables.tableEntries * 8)) {
    for (let each = 0; each < first.bytes.length; each += 8) {
      const secondAt = offsetIn(tables, first.bytes, each)
      if (seen.has(secondAt)) continue
      seen.add(secondAt)
      if (await refersTo(source, secondAt, tables, wanted, buffer)) return true
    }
  }
  return false
}

/** Returns whether a second-level table has an entry with this offset. */
async function refersTo(
  source: Source,
  secondAt: number,
  tables: ClusterTables,
  wanted: number,
  buffer: Buffer,
): Promise<boolean> {
  for await (const { bytes } of piecesOfTable(source, secondAt, tables.secondLength, buffer)) {
    for (let at = 0; at < bytes.length; at += tables.entryLength)
      if (offsetIn(tables, bytes, at) === wanted) return true
  }
  return false
}

/**
 * Returns the offset after the last byte that the tables refer to. Clusters are complete,
 * except the last one of the disk. Stops at the first table beyond the end of the file.
 *
 * @param virtualSize in bytes.
 * @param zeros largest entry of a second-level table that is not an offset.
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
  // If there are more tables than this, qemu-img check has to find the damage.
  let tablesLeft = Math.min(
    TABLE_LIMIT,
    (Math.min(source.size, TABLE_BYTES_LIMIT) - tables.tableEntries * 8) / secondLength,
  )
  for await (const first of piecesOfTable(source, tables.tableAt, tables.tableEntries * 8)) {
    for (let each = 0; each < first.bytes.length; each += 8) {
      const secondAt = offsetIn(tables, first.bytes, each)
      if (secondAt === 0) continue
      end = Math.max(end, secondAt + secondLength)
      // Tables with more bytes than the file must overlap.
      if (end > source.size || --tablesLeft < 0) return end
      const firstGuest = (((first.from + each) / 8) * secondLength * cluster) / entryLength
      end = Math.max(end, await endOfSecond(source, secondAt, tables, virtualSize - firstGuest, zeros, buffer))
    }
  }
  return end
}

/**
 * Returns the offset after the last byte that a second-level table refers to; 0 if there is none.
 *
 * @param length bytes of the disk from the first cluster of the table.
 */
async function endOfSecond(
  source: Source,
  secondAt: number,
  tables: ClusterTables,
  length: number,
  zeros: number,
  buffer: Buffer,
): Promise<number> {
  const { cluster, secondLength, entryLength } = tables
  let end = 0
  for await (const { from, bytes } of piecesOfTable(source, secondAt, secondLength, buffer)) {
    let left = length - (from / entryLength) * cluster
    for (let at = 0; at < bytes.length; at += entryLength, left -= cluster) {
      const offset = offsetIn(tables, bytes, at)
      if (offset > zeros) end = Math.max(end, offset + Math.min(cluster, Math.max(left, 0)))
    }
  }
  return end
}
