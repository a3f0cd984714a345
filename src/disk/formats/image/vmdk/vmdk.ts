import { VdcError } from '../../../../core/errors.ts'
import { readWhole, type Source } from '../../../file/source.ts'
import type { Finding, Inspector } from '../../../inspect/inspector.ts'
import { Layout } from '../../../inspect/layout.ts'
import { piecesOfTable } from '../../../inspect/table-pieces.ts'
import { exact, isPowerOfTwo, largest, needsNewerQemu } from '../../shared.ts'
import { referencesIn } from './vmdk-descriptor.ts'
import { CompressedGrains } from './vmdk-grains.ts'

/*
 * VMware's "Virtual Disk Format 5.0", "Hosted Sparse Extents" and "Stream-Optimized
 * Compressed Sparse Extents": https://www.vmware.com/app/vmdk/?src=vmdk
 * Numbers are little-endian. Offsets and sizes are in sectors unless noted.
 */

const MAGIC = 'KDMV'
/** The reference of an extent without its own descriptor. */
const DESCRIPTOR_ELSEWHERE = 'a VMDK descriptor in another file (it is one extent of an image)'
const SECTOR = 512
/** The directory offset if the directory is at the end of the file: a copy of the header there has the real one. */
const AT_END = 0xffffffffffffffffn
/** Bytes of the footer at the end of the file: a marker, the copy of the header, the end marker. */
const FOOTER = 3 * SECTOR
const DESCRIPTOR_LIMIT = 256 * 1024
/** Bytes that QEMU reads of the descriptor at least. */
const DESCRIPTOR_LEAST = 20 * SECTOR
/** Where QEMU expects the descriptor. */
const DESCRIPTOR_AT = SECTOR
/** Entries of a grain table: the only number that programs use. */
const ENTRIES = 512
/** Most entries of a grain directory in QEMU. */
const DIRECTORY_LIMIT = 32 * 1024 * 1024
/** "flags". */
const HAS_REDUNDANT = 1 << 1
const HAS_COMPRESSED = 1 << 16
const HAS_MARKERS = 1 << 17
/** "compressAlgorithm". */
const DEFLATE = 1
const ZEROED_GRAINS = 1 << 2
/** The table entry of a grain of zeros, if ZEROED_GRAINS is set. */
const ZERO_GRAIN = 1
/** The newest version of the format. */
const NEWEST = 3

/** Recognises a VMDK image with its own descriptor (monolithicSparse, streamOptimized), or an extent without one. */
export const vmdk: Inspector = {
  name: 'vmdk',
  kind: 'image',
  title: 'a VMDK image',
  async inspect(source) {
    if ((await source.read(0, MAGIC.length)).toString('latin1') !== MAGIC) return undefined
    const first = await readWhole(source, 0, SECTOR)
    // The header at the end replaces the first one.
    const [header, footerAt] =
      first.readBigUInt64LE(56) === AT_END ? await readFooter(source) : ([first, undefined] as const)
    const version = header.readUInt32LE(4)
    const isCompressed = header.readUInt16LE(77) === DEFLATE
    const finding: Finding = {
      version,
      virtualSize: exact(header.readBigUInt64LE(12) * BigInt(SECTOR)),
      features: isCompressed ? ['streamOptimized'] : [],
      references: [],
      refusals: [],
      warnings: first.readUInt8(72) === 0 ? [] : ['was not closed cleanly'],
    }
    if (version < 1 || version > NEWEST)
      finding.refusals?.push(needsNewerQemu(`has version ${version} of the VMDK format`))
    const descriptorAt = exact(first.readBigUInt64LE(28) * BigInt(SECTOR))
    const descriptorLength = exact(first.readBigUInt64LE(36) * BigInt(SECTOR))
    if (descriptorAt === 0 || first.readBigUInt64LE(12) === 0n) {
      finding.references?.push(DESCRIPTOR_ELSEWHERE)
      return finding
    }
    if (descriptorAt !== DESCRIPTOR_AT) {
      finding.refusals?.push({
        why: `is damaged: its descriptor is at ${descriptorAt}, not at ${DESCRIPTOR_AT}`,
      })
      return finding
    }
    if (descriptorLength > DESCRIPTOR_LIMIT) {
      finding.refusals?.push({ why: `is damaged: its descriptor has ${descriptorLength} bytes` })
      return finding
    }
    const length = Number(descriptorLength)
    const descriptor = await source.read(descriptorAt, Math.max(length, DESCRIPTOR_LEAST))
    finding.references?.push(...referencesIn(descriptor, header.readBigUInt64LE(12), header.readBigUInt64LE(20)))

    const shape = shapeOf(header, { isCompressed, descriptorAt, descriptorLength: length, footerAt })
    if (typeof shape === 'string') {
      finding.refusals?.push({ why: `is damaged: ${shape}` })
      return finding
    }
    finding.end = largest(descriptorAt + length, exact(shape.directoryAt + BigInt(shape.directoryLength)))
    return { ...finding, readLayout: (whole) => readLayout(whole, shape) }
  },
}

/** Reads the copy of the header at the end of the file, and returns it with the offset of the footer. */
async function readFooter(source: Source): Promise<[Buffer, number]> {
  const at = source.size - FOOTER
  const footer = await source.read(at + SECTOR, SECTOR)
  if (footer.length < SECTOR || footer.subarray(0, 4).toString('latin1') !== MAGIC) {
    throw new VdcError('FILE_REFUSED', 'is damaged or truncated: the footer at its end is missing')
  }
  return [footer, at]
}

/** Offsets and sizes in bytes. */
interface Shape {
  virtualSize: number
  /** Bytes of a grain, the data block of this format. */
  grain: number
  isCompressed: boolean
  /** Whether compressed grains start with their sector and length. */
  hasMarkers: boolean
  /** Whether entries can mark grains of zeros. */
  marksZeros: boolean
  descriptorAt: number
  descriptorLength: number
  directoryAt: bigint
  directoryLength: number
  /** Offset of the second directory; 0 if there is none. */
  redundantAt: bigint
  /** Bytes of a grain table. */
  tableLength: number
  footerAt: number | undefined
}

/** Returns the shape of an image, or what is wrong with its header. */
function shapeOf(
  header: Buffer,
  known: Pick<Shape, 'isCompressed' | 'descriptorAt' | 'descriptorLength' | 'footerAt'>,
): Shape | string {
  const flags = header.readUInt32LE(8)
  const exactGrain = header.readBigUInt64LE(20) * BigInt(SECTOR)
  const grain = Number(exactGrain)
  const entries = header.readUInt32LE(44)
  const virtualSize = Number(header.readBigUInt64LE(12)) * SECTOR
  if (known.isCompressed !== ((flags & HAS_COMPRESSED) !== 0)) return 'its header contradicts itself about compression'
  // QEMU supports at most 64 MiB.
  if (!isPowerOfTwo(grain, SECTOR, 64 * 1024 * 1024) || entries !== ENTRIES)
    return `it has grains of ${exactGrain} bytes and tables of ${entries} entries`
  const perTable = exactGrain * BigInt(entries)
  const directoryEntries = Number((header.readBigUInt64LE(12) * BigInt(SECTOR) + perTable - 1n) / perTable)
  if (directoryEntries > DIRECTORY_LIMIT) return `it has a grain directory of ${directoryEntries} entries`
  return {
    ...known,
    virtualSize,
    grain,
    hasMarkers: (flags & HAS_MARKERS) !== 0,
    marksZeros: (flags & ZEROED_GRAINS) !== 0,
    directoryAt: header.readBigUInt64LE(56) * BigInt(SECTOR),
    directoryLength: directoryEntries * 4,
    redundantAt: flags & HAS_REDUNDANT ? header.readBigUInt64LE(48) * BigInt(SECTOR) : 0n,
    tableLength: entries * 4,
  }
}

async function readLayout(source: Source, shape: Shape): Promise<Layout> {
  const layout = new Layout(source.size, shape.grain)
  layout.table('header', 0, SECTOR)
  layout.table('descriptor', shape.descriptorAt, shape.descriptorLength)
  layout.table('grain directory', shape.directoryAt, shape.directoryLength)
  if (shape.redundantAt !== 0n) layout.table('second grain directory', shape.redundantAt, shape.directoryLength)
  if (shape.footerAt !== undefined) layout.table('footer', shape.footerAt, FOOTER)
  if (layout.refusal()) return layout
  const buffer = Buffer.allocUnsafe(shape.tableLength)
  // Compressed grains can be compared with the tables only when all tables are known.
  for await (const { at, table, left } of grainTables(source, shape, buffer)) {
    if (!layout.table('grain table', at, shape.tableLength)) return layout
    if (!shape.isCompressed) addGrains(layout, await table(), left, shape)
  }
  if (shape.isCompressed) await checkCompressed(source, layout, shape, buffer)
  return layout
}

/** Yields the grain tables in the order of the directory. */
async function* grainTables(source: Source, shape: Shape, buffer: Buffer) {
  for await (const { from, bytes } of piecesOfTable(source, Number(shape.directoryAt), shape.directoryLength)) {
    for (let each = 0; each < bytes.length; each += 4) {
      const at = bytes.readUInt32LE(each) * SECTOR
      if (at === 0) continue
      const firstGrain = ((from + each) / 4) * ENTRIES
      yield {
        at,
        firstGrain,
        /** Bytes of the disk from this table on. */
        left: shape.virtualSize - firstGrain * shape.grain,
        /** Reads the table into `buffer`. */
        table: () => readWhole(source, at, shape.tableLength, buffer),
      }
    }
  }
}

/** Returns whether an entry of a grain table refers to a grain. */
function isGrain(entry: number, { marksZeros }: Shape): boolean {
  return entry !== 0 && !(entry === ZERO_GRAIN && marksZeros)
}

function addGrains(layout: Layout, table: Buffer, bytesLeft: number, shape: Shape): void {
  let left = bytesLeft
  for (let at = 0; at < table.length; at += 4, left -= shape.grain) {
    const entry = table.readUInt32LE(at)
    if (isGrain(entry, shape)) layout.block(entry * SECTOR, Math.min(shape.grain, Math.max(left, 0)))
  }
}

async function checkCompressed(source: Source, layout: Layout, shape: Shape, buffer: Buffer): Promise<void> {
  // Overlapping tables would be read many times.
  if (layout.refusal()) return
  const grains = new CompressedGrains(source, layout, shape.grain, shape.hasMarkers)
  for await (const { firstGrain, table } of grainTables(source, shape, buffer)) {
    const entries = await table()
    for (let each = 0; each < ENTRIES; each++) {
      const entry = entries.readUInt32LE(each * 4)
      if (isGrain(entry, shape) && grains.add(firstGrain + each, entry) && !(await grains.check())) return
    }
  }
  await grains.check()
}
