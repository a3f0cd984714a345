import type { Finding, Inspector } from '../inspector.ts'
import { Layout } from '../layout.ts'
import { readWhole, type Source } from '../source.ts'
import { LEGACY, nameIn } from './shared.ts'

/*
 * The first version of qcow: https://people.gnome.org/~markmc/qcow-image-format-version-1.html
 * Numbers are big-endian.
 */

const MAGIC = Buffer.from('QFI\xfb', 'latin1')
const HEADER = 48
/** An entry of a second-level table with this bit is a compressed cluster, whose length is in it too. */
const COMPRESSED = 1n << 63n

export const qcow: Inspector = {
  name: 'qcow',
  kind: 'image',
  title: 'a qcow image',
  async inspect(source) {
    const start = await source.read(0, 8)
    if (start.length < 8 || !start.subarray(0, 4).equals(MAGIC) || start.readUInt32BE(4) !== 1) return undefined
    const header = await readWhole(source, 0, HEADER)
    const backingAt = header.readBigUInt64BE(8)
    const backingLength = header.readUInt32BE(16)
    const [clusterBits, tableBits] = [header.readUInt8(32), header.readUInt8(33)]
    const finding: Finding = {
      version: 1,
      virtualSize: Number(header.readBigUInt64BE(24)),
      isEncrypted: header.readUInt32BE(36) !== 0,
      references: [],
      warnings: [LEGACY],
    }
    if (backingAt !== 0n || backingLength !== 0) {
      const name = await nameIn(source, Number(backingAt), Math.min(backingLength, 1023))
      finding.references?.push(`the backing file ${name}`)
    }
    // The limits of QEMU: clusters and tables of 512 bytes to 64 KiB.
    if (clusterBits < 9 || clusterBits > 16 || tableBits < 6 || tableBits > 13) {
      return {
        ...finding,
        refusals: [{ why: `is damaged: clusters of 2^${clusterBits} bytes, tables of 2^${tableBits} entries` }],
      }
    }
    const shape: Shape = {
      virtualSize: finding.virtualSize as number,
      cluster: 2 ** clusterBits,
      entries: 2 ** tableBits,
      clusterBits,
      tableAt: Number(header.readBigUInt64BE(40)),
      tableEntries: Math.ceil((finding.virtualSize as number) / 2 ** (clusterBits + tableBits)),
    }
    return {
      ...finding,
      end: shape.tableAt + shape.tableEntries * 8,
      readLayout: (whole) => readLayout(whole, shape),
    }
  },
}

interface Shape {
  virtualSize: number
  cluster: number
  clusterBits: number
  /** Entries of a second-level table. */
  entries: number
  tableAt: number
  /** Entries of the first-level table. */
  tableEntries: number
}

async function readLayout(source: Source, shape: Shape): Promise<Layout> {
  const layout = new Layout(source.size, shape.cluster)
  layout.table('header', 0, HEADER)
  layout.table('first-level table', shape.tableAt, shape.tableEntries * 8)
  if (layout.refusal()) return layout
  for (let first = 0; first < shape.tableEntries; first++) {
    const tableAt = Number((await readWhole(source, shape.tableAt + first * 8, 8)).readBigUInt64BE(0))
    if (tableAt === 0) continue
    if (!layout.table('second-level table', tableAt, shape.entries * 8)) return layout
    const table = await readWhole(source, tableAt, shape.entries * 8)
    for (let at = 0; at < table.length; at += 8) {
      const entry = table.readBigUInt64BE(at)
      if (entry === 0n) continue
      if (entry & COMPRESSED) {
        const lengthAt = BigInt(63 - shape.clusterBits)
        const length = Number((entry >> lengthAt) & ((1n << BigInt(shape.clusterBits)) - 1n))
        const start = Number(entry & ((1n << lengthAt) - 1n))
        if (start + length > source.size) layout.table('compressed cluster', start, length)
      } else {
        const left = shape.virtualSize - (first * shape.entries + at / 8) * shape.cluster
        layout.block(Number(entry), Math.min(shape.cluster, Math.max(left, 0)))
      }
    }
  }
  return layout
}
