import { VdcError } from '../../errors.ts'
import type { Finding, Inspector } from '../inspector.ts'
import { Layout } from '../layout.ts'
import { readWhole, type Source } from '../source.ts'
import { piecesOfTable } from '../table-pieces.ts'
import { isPowerOfTwo, needsNewerQemu } from './shared.ts'
import { describeParts } from './vmdk-descriptor.ts'

/*
 * VMware's "Virtual Disk Format 5.0", "Hosted Sparse Extents" and "Stream-Optimized
 * Compressed Sparse Extents": https://www.vmware.com/app/vmdk/?src=vmdk
 * Numbers are little-endian and count sectors, where nothing else is said.
 */

const MAGIC = 'KDMV'
/** What names an extent that does not describe itself. */
const DESCRIPTOR_ELSEWHERE = 'a VMDK descriptor in another file, being one extent of an image'
const SECTOR = 512
/** A directory that lies at the file's end is found through a copy of the header there. */
const AT_END = 0xffffffffffffffffn
/** Bytes from the file's end: that copy's marker, the copy, the marker of the end. */
const FOOTER = 3 * SECTOR
const DESCRIPTOR_LIMIT = 64 * 1024
/** How long QEMU takes the descriptor for at least, and where. */
const [DESCRIPTOR_LEAST, DESCRIPTOR_AT] = [20 * SECTOR, SECTOR]
/** Entries of a grain table, of which no program makes others. */
const ENTRIES = 512
/** Entries of a grain directory that QEMU takes. */
const DIRECTORY_LIMIT = 32 * 1024 * 1024
const HAS_REDUNDANT = 1 << 1
const HAS_COMPRESSED = 1 << 16
/** "compressAlgorithm". */
const DEFLATE = 1
const ZEROED_GRAINS = 1 << 2
/** The entry of a grain that is all zeros, where those are marked. */
const ZERO_GRAIN = 1
const NEWEST = 3

export const vmdk: Inspector = {
  name: 'vmdk',
  kind: 'image',
  title: 'a VMDK image',
  async inspect(source) {
    if ((await source.read(0, MAGIC.length)).toString('latin1') !== MAGIC) return undefined
    const first = await readWhole(source, 0, SECTOR)
    // What the header at the end says is what counts.
    const [header, footerAt] =
      first.readBigUInt64LE(56) === AT_END ? await readFooter(source) : ([first, undefined] as const)
    const version = header.readUInt32LE(4)
    const isCompressed = header.readUInt16LE(77) === DEFLATE
    const finding: Finding = {
      version,
      virtualSize: Number(header.readBigUInt64LE(12)) * SECTOR,
      features: isCompressed ? ['streamOptimized'] : [],
      references: [],
      refusals: [],
      warnings: first.readUInt8(72) === 0 ? [] : ['was not closed cleanly'],
    }
    if (version < 1 || version > NEWEST) finding.refusals?.push(needsNewerQemu(`is of version ${version} of VMDK`))
    const descriptorAt = Number(first.readBigUInt64LE(28)) * SECTOR
    const descriptorLength = Number(first.readBigUInt64LE(36)) * SECTOR
    if (descriptorAt === 0 || first.readBigUInt64LE(12) === 0n) {
      finding.references?.push(DESCRIPTOR_ELSEWHERE)
      return finding
    }
    if (descriptorAt !== DESCRIPTOR_AT) {
      finding.refusals?.push({
        why: `is damaged: its descriptor is at ${descriptorAt}, and must be at ${DESCRIPTOR_AT}`,
      })
      return finding
    }
    const shown = Math.min(Math.max(descriptorLength, DESCRIPTOR_LEAST), DESCRIPTOR_LIMIT)
    finding.references?.push(...describeParts(shownText(await source.read(descriptorAt, shown))))

    const shape = shapeOf(header, { isCompressed, descriptorAt, descriptorLength, footerAt })
    if (typeof shape === 'string') {
      finding.refusals?.push({ why: `is damaged: ${shape}` })
      return finding
    }
    finding.end = Math.max(descriptorAt + descriptorLength, shape.directoryAt + shape.directoryLength)
    return { ...finding, readLayout: (whole) => readLayout(whole, shape) }
  },
}

/** Text up to its padding. */
function shownText(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.subarray(0, end === -1 ? undefined : end).toString('utf8')
}

async function readFooter(source: Source): Promise<[Buffer, number]> {
  const at = source.size - FOOTER
  const footer = await source.read(at + SECTOR, SECTOR)
  if (footer.length < SECTOR || footer.subarray(0, 4).toString('latin1') !== MAGIC) {
    throw new VdcError('FILE_REFUSED', 'is damaged or truncated: the footer is missing at its end')
  }
  return [footer, at]
}

interface Shape {
  virtualSize: number
  /** Bytes of a grain, the block of data of this format. */
  grain: number
  isCompressed: boolean
  marksZeros: boolean
  descriptorAt: number
  descriptorLength: number
  directoryAt: number
  directoryLength: number
  /** Of the second directory, where there is one. */
  redundantAt: number
  /** Bytes of a grain table. */
  tableLength: number
  footerAt: number | undefined
}

function shapeOf(
  header: Buffer,
  known: Pick<Shape, 'isCompressed' | 'descriptorAt' | 'descriptorLength' | 'footerAt'>,
): Shape | string {
  const flags = header.readUInt32LE(8)
  const grain = Number(header.readBigUInt64LE(20)) * SECTOR
  const entries = header.readUInt32LE(44)
  const virtualSize = Number(header.readBigUInt64LE(12)) * SECTOR
  if (known.isCompressed !== ((flags & HAS_COMPRESSED) !== 0))
    return 'its header contradicts itself in whether it is compressed'
  // QEMU takes at most 64 MiB.
  if (!isPowerOfTwo(grain, SECTOR, 64 * 1024 * 1024) || entries !== ENTRIES)
    return `grains of ${grain} bytes, tables of ${entries} entries`
  const directoryEntries = Math.ceil(virtualSize / (grain * entries))
  if (directoryEntries > DIRECTORY_LIMIT) return `a grain directory of ${directoryEntries} entries`
  return {
    ...known,
    virtualSize,
    grain,
    marksZeros: (flags & ZEROED_GRAINS) !== 0,
    directoryAt: Number(header.readBigUInt64LE(56)) * SECTOR,
    directoryLength: directoryEntries * 4,
    redundantAt: flags & HAS_REDUNDANT ? Number(header.readBigUInt64LE(48)) * SECTOR : 0,
    tableLength: entries * 4,
  }
}

async function readLayout(source: Source, shape: Shape): Promise<Layout> {
  const layout = new Layout(source.size, shape.grain)
  layout.table('header', 0, SECTOR)
  layout.table('descriptor', shape.descriptorAt, shape.descriptorLength)
  layout.table('grain directory', shape.directoryAt, shape.directoryLength)
  if (shape.redundantAt !== 0) layout.table('second grain directory', shape.redundantAt, shape.directoryLength)
  if (shape.footerAt !== undefined) layout.table('footer', shape.footerAt, FOOTER)
  if (layout.refusal()) return layout
  let lastCompressed = 0
  const buffer = Buffer.allocUnsafe(shape.tableLength)
  for await (const directory of piecesOfTable(source, shape.directoryAt, shape.directoryLength)) {
    for (let first = 0; first < directory.bytes.length; first += 4) {
      const tableAt = directory.bytes.readUInt32LE(first) * SECTOR
      if (tableAt === 0) continue
      if (!layout.table('grain table', tableAt, shape.tableLength)) return layout
      const table = await readWhole(source, tableAt, shape.tableLength, buffer)
      const left = shape.virtualSize - ((directory.from + first) / 4) * ENTRIES * shape.grain
      lastCompressed = Math.max(lastCompressed, addGrains(layout, table, left, shape))
    }
  }
  if (lastCompressed > 0) layout.table('last grain', lastCompressed, await compressedLength(source, lastCompressed))
  return layout
}

/** Adds the grains of a table, and returns where the last compressed one is. */
function addGrains(layout: Layout, table: Buffer, bytesLeft: number, shape: Shape): number {
  let left = bytesLeft
  let lastCompressed = 0
  for (let at = 0; at < table.length; at += 4, left -= shape.grain) {
    const entry = table.readUInt32LE(at)
    if (entry === 0 || (entry === ZERO_GRAIN && shape.marksZeros)) continue
    if (!shape.isCompressed) layout.block(entry * SECTOR, Math.min(shape.grain, Math.max(left, 0)))
    else if (entry * SECTOR > lastCompressed) lastCompressed = entry * SECTOR
  }
  return lastCompressed
}

/** Bytes of a compressed grain with its marker: its address, its length, the data. */
async function compressedLength(source: Source, at: number): Promise<number> {
  return 12 + (await readWhole(source, at, 12)).readUInt32LE(8)
}
