import type { Source } from '../source.ts'

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
