import { readWhole } from '../../file/source.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import { exact, isPowerOfTwo, LEGACY, nameIn, needsNewerQemu } from '../shared.ts'
import { type ClusterTables, endOfClusters, isInCluster } from './cluster-tables.ts'

/*
 * QEMU's docs/interop/qed_spec.txt: https://www.qemu.org/docs/master/interop/qed_spec.html
 * Numbers are little-endian.
 */

const MAGIC = Buffer.from('QED\0', 'latin1')
const HEADER = 64

const BACKING_FILE = 1n << 0n
const NEED_CHECK = 1n << 1n
/** "features": the known ones. */
const KNOWN = 0b111n
/** The table entry of a cluster of zeros. */
const ZERO_CLUSTER = 1
/** Limits of the cluster size in bytes. */
const SMALLEST = 4096
const LARGEST = 64 * 1024 * 1024
/** Most clusters in a table. */
const LONGEST_TABLE = 16

/** Recognises a QED image. */
export const qed: Inspector = {
  name: 'qed',
  kind: 'image',
  title: 'a QED image',
  async inspect(source) {
    if (!(await source.read(0, 4)).equals(MAGIC)) return undefined
    const header = await readWhole(source, 0, HEADER)
    const features = header.readBigUInt64LE(16)
    const backingAt = header.readUInt32LE(56)
    const backingLength = header.readUInt32LE(60)
    const cluster = header.readUInt32LE(4)
    const tableClusters = header.readUInt32LE(8)
    const virtualSize = exact(header.readBigUInt64LE(48))
    const tables: ClusterTables = {
      cluster,
      tableAt: Number(header.readBigUInt64LE(40)),
      tableEntries: (cluster * tableClusters) / 8,
      secondLength: cluster * tableClusters,
      entryLength: 8,
      isBigEndian: false,
      mask: [0xffffffff, 0xffffffff],
    }
    const finding: Finding = {
      virtualSize,
      references: [],
      refusals: [],
      warnings: [LEGACY],
    }
    if (features & BACKING_FILE || backingAt !== 0 || backingLength !== 0) {
      const name = await nameIn(source, backingAt, Math.min(backingLength, 1023))
      finding.references?.push(`the backing file ${name}`)
    }
    if (features & ~KNOWN)
      finding.refusals?.push(needsNewerQemu(`needs unknown QED features: bits 0x${features.toString(16)}`))
    if (features & NEED_CHECK) finding.warnings?.push('was not closed cleanly')
    if (!isPowerOfTwo(cluster, SMALLEST, LARGEST) || !isPowerOfTwo(tableClusters, 1, LONGEST_TABLE)) {
      finding.refusals?.push({
        why: `is damaged: it has clusters of ${cluster} bytes and tables of ${tableClusters} clusters`,
      })
      return finding
    }
    return {
      ...finding,
      end: exact(header.readBigUInt64LE(40) + BigInt(tables.secondLength)),
      findEnd: (whole) => endOfClusters(whole, tables, Number(virtualSize), ZERO_CLUSTER),
      findData: (whole, offset) => isInCluster(whole, offset, tables),
    }
  },
}
