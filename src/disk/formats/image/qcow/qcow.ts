import { readWhole, type Source } from '../../../file/source.ts'
import type { Finding, Inspector } from '../../../inspect/inspector.ts'
import { Layout } from '../../../inspect/layout.ts'
import { piecesOfTable } from '../../../inspect/table-pieces.ts'
import { exact, LEGACY, nameIn } from '../../shared.ts'

/*
 * The qcow format, version 1: https://people.gnome.org/~markmc/qcow-image-format-version-1.html
 * Numbers are big-endian.
 */

const MAGIC = Buffer.from('QFI\xfb', 'latin1')
const HEADER = 48
/** Most bytes of a first-level table: more than any real disk needs. */
const TABLE_LIMIT = 32 * 1024 * 1024
/** This bit in the upper half of a second-level entry marks a compressed cluster; the entry then contains its length too. */
const COMPRESSED_HIGH = 0x80000000

/** Recognises a qcow image of version 1. */
export const qcow: Inspector = {
  name: 'qcow',
  kind: 'image',
  title: 'a qcow image',
  async inspect(source) {
    const start = await source.read(0, 8)
    if (start.length < 8 || !start.subarray(0, 4).equals(MAGIC) || start.readUInt32BE(4) !== 1) return undefined
    const header = await readWhole(source, 0, HEADER)
    const size = header.readBigUInt64BE(24)
    const backingAt = header.readBigUInt64BE(8)
    const backingLength = header.readUInt32BE(16)
    const clusterBits = header.readUInt8(32)
    const tableBits = header.readUInt8(33)
    const finding: Finding = {
      version: 1,
      virtualSize: exact(size),
      isEncrypted: header.readUInt32BE(36) !== 0,
      references: [],
      warnings: [LEGACY],
    }
    if (backingAt !== 0n || backingLength !== 0) {
      const name = await nameIn(source, Number(backingAt), Math.min(backingLength, 1023))
      finding.references?.push(`the backing file ${name}`)
    }
    // QEMU's limits: clusters and tables of 512 bytes to 64 KiB.
    if (clusterBits < 9 || clusterBits > 16 || tableBits < 6 || tableBits > 13) {
      return {
        ...finding,
        refusals: [
          { why: `is damaged: it has clusters of 2^${clusterBits} bytes and tables of 2^${tableBits} entries` },
        ],
      }
    }
    const shape: Shape = {
      virtualSize: Number(size),
      cluster: 2 ** clusterBits,
      entries: 2 ** tableBits,
      clusterBits,
      tableAt: header.readBigUInt64BE(40),
      tableEntries: Number((size + (1n << BigInt(clusterBits + tableBits)) - 1n) >> BigInt(clusterBits + tableBits)),
    }
    if (shape.tableEntries * 8 > TABLE_LIMIT) {
      return {
        ...finding,
        refusals: [{ why: `is damaged: it has a first-level table of ${shape.tableEntries} entries` }],
      }
    }
    return {
      ...finding,
      end: exact(shape.tableAt + BigInt(shape.tableEntries * 8)),
      readLayout: (whole) => readLayout(whole, shape),
    }
  },
}

interface Shape {
  /** In bytes. */
  virtualSize: number
  /** Bytes of a cluster. */
  cluster: number
  clusterBits: number
  /** Entries of a second-level table. */
  entries: number
  /** Offset of the first-level table. */
  tableAt: bigint
  /** Entries of the first-level table. */
  tableEntries: number
}

async function readLayout(source: Source, shape: Shape): Promise<Layout> {
  const layout = new Layout(source.size, shape.cluster)
  layout.table('header', 0, HEADER)
  layout.table('first-level table', shape.tableAt, shape.tableEntries * 8)
  if (layout.refusal()) return layout
  const buffer = Buffer.allocUnsafe(shape.entries * 8)
  for await (const first of piecesOfTable(source, Number(shape.tableAt), shape.tableEntries * 8)) {
    for (let each = 0; each < first.bytes.length; each += 8) {
      const tableAt = numberAt(first.bytes, each)
      if (tableAt === 0) continue
      if (!layout.table('second-level table', tableAt, shape.entries * 8)) return layout
      const left = shape.virtualSize - ((first.from + each) / 8) * shape.entries * shape.cluster
      const table = await readWhole(source, tableAt, shape.entries * 8, buffer)
      addClusters(layout, table, left, { ...shape, size: source.size })
    }
  }
  return layout
}

/** Adds the clusters of a second-level table to a layout. Of compressed clusters, only those beyond the end of the file. */
function addClusters(layout: Layout, table: Buffer, bytesLeft: number, shape: Shape & { size: number }): void {
  let left = bytesLeft
  for (let at = 0; at < table.length; at += 8, left -= shape.cluster) {
    const high = table.readUInt32BE(at)
    if (high >= COMPRESSED_HIGH) {
      const { start, length } = compressedIn(table.readBigUInt64BE(at), shape.clusterBits)
      if (start + length > shape.size) layout.table('compressed cluster', start, length)
    } else if (high !== 0 || table.readUInt32BE(at + 4) !== 0)
      layout.block(numberAt(table, at), Math.min(shape.cluster, Math.max(left, 0)))
  }
}

function numberAt(table: Buffer, at: number): number {
  return table.readUInt32BE(at) * 2 ** 32 + table.readUInt32BE(at + 4)
}

function compressedIn(entry: bigint, clusterBits: number): { start: number; length: number } {
  const lengthAt = BigInt(63 - clusterBits)
  const length = Number((entry >> lengthAt) & ((1n << BigInt(clusterBits)) - 1n))
  return { start: Number(entry & ((1n << lengthAt) - 1n)), length }
}
