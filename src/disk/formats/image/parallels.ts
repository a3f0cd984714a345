import { readWhole, type Source } from '../../file/source.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import { Layout } from '../../inspect/layout.ts'
import { exact, needsNewerQemu } from '../shared.ts'

/*
 * QEMU's docs/interop/parallels.txt: https://www.qemu.org/docs/master/interop/parallels.html
 * Numbers are little-endian.
 */

const OLD_MAGIC = 'WithoutFreeSpace'
const MAGIC = 'WithouFreSpacExt'
const HEADER = 64
const VERSION = 2
const SECTOR = 512
const IN_USE = 0x746f6e59

/** Recognises a Parallels image. */
export const parallels: Inspector = {
  name: 'parallels',
  kind: 'image',
  title: 'a Parallels image',
  async inspect(source) {
    const magic = (await source.read(0, MAGIC.length)).toString('latin1')
    if (magic !== MAGIC && magic !== OLD_MAGIC) return undefined
    const header = await readWhole(source, 0, HEADER)
    const version = header.readUInt32LE(16)
    const clusterSectors = header.readUInt32LE(28)
    const entries = header.readUInt32LE(32)
    // The old format has only 32 bits.
    const sectors = magic === MAGIC ? header.readBigUInt64LE(36) : BigInt(header.readUInt32LE(36))
    const finding: Finding = {
      version,
      virtualSize: exact(sectors * BigInt(SECTOR)),
      refusals: version === VERSION ? [] : [needsNewerQemu(`has version ${version} of the Parallels format`)],
      warnings: header.readUInt32LE(44) === IN_USE ? ['was not closed cleanly'] : [],
      end: HEADER + entries * 4,
    }
    if (clusterSectors === 0 || entries * clusterSectors < sectors) {
      finding.refusals?.push({
        why: `is damaged: ${entries} clusters of ${clusterSectors} sectors do not cover its disk`,
      })
      return finding
    }
    const shape = {
      entries,
      cluster: clusterSectors * SECTOR,
      unit: magic === MAGIC ? clusterSectors * SECTOR : SECTOR,
      virtualSize: Number(sectors) * SECTOR,
    }
    return { ...finding, readLayout: (whole) => readLayout(whole, shape) }
  },
}

interface Shape {
  /** Entries of the block allocation table. */
  entries: number
  /** Bytes of a cluster. */
  cluster: number
  /** Bytes of the unit of the entries. */
  unit: number
  /** In bytes. */
  virtualSize: number
}

async function readLayout(source: Source, { entries, cluster, unit, virtualSize }: Shape): Promise<Layout> {
  const layout = new Layout(source.size, cluster)
  layout.table('header', 0, HEADER)
  layout.table('block allocation table', HEADER, entries * 4)
  if (layout.refusal()) return layout
  const step = 1024 * 1024
  for (let first = 0; first < entries; first += step / 4) {
    const table = await readWhole(source, HEADER + first * 4, Math.min(step, (entries - first) * 4))
    for (let at = 0; at < table.length; at += 4) {
      const entry = table.readUInt32LE(at)
      const left = virtualSize - (first + at / 4) * cluster
      if (entry !== 0) layout.block(entry * unit, Math.min(cluster, Math.max(left, 0)))
    }
  }
  return layout
}
