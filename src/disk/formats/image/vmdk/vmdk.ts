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
const DESCRIPTOR_LIMIT = 256 * 1024
/** How long QEMU takes the descriptor for at least, and where. */
const [DESCRIPTOR_LEAST, DESCRIPTOR_AT] = [20 * SECTOR, SECTOR]
/** Entries of a grain table, of which no program makes others. */
const ENTRIES = 512
/** Entries of a grain directory that QEMU takes. */
const DIRECTORY_LIMIT = 32 * 1024 * 1024
const HAS_REDUNDANT = 1 << 1
const [HAS_COMPRESSED, HAS_MARKERS] = [1 << 16, 1 << 17]
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
      virtualSize: exact(header.readBigUInt64LE(12) * BigInt(SECTOR)),
      features: isCompressed ? ['streamOptimized'] : [],
      references: [],
      refusals: [],
      warnings: first.readUInt8(72) === 0 ? [] : ['was not closed cleanly'],
    }
    if (version < 1 || version > NEWEST) finding.refusals?.push(needsNewerQemu(`is of version ${version} of VMDK`))
    const descriptorAt = exact(first.readBigUInt64LE(28) * BigInt(SECTOR))
    const descriptorLength = exact(first.readBigUInt64LE(36) * BigInt(SECTOR))
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
  /** Whether compressed grains start with their sector and length. */
  hasMarkers: boolean
  marksZeros: boolean
  descriptorAt: number
  descriptorLength: number
  directoryAt: bigint
  directoryLength: number
  /** Of the second directory, where there is one. */
  redundantAt: bigint
  /** Bytes of a grain table. */
  tableLength: number
  footerAt: number | undefined
}

function shapeOf(
  header: Buffer,
  known: Pick<Shape, 'isCompressed' | 'descriptorAt' | 'descriptorLength' | 'footerAt'>,
): Shape | string {
  const flags = header.readUInt32LE(8)
  const told = header.readBigUInt64LE(20) * BigInt(SECTOR)
  const grain = Number(told)
  const entries = header.readUInt32LE(44)
  const virtualSize = Number(header.readBigUInt64LE(12)) * SECTOR
  if (known.isCompressed !== ((flags & HAS_COMPRESSED) !== 0))
    return 'its header contradicts itself in whether it is compressed'
  // QEMU takes at most 64 MiB.
  if (!isPowerOfTwo(grain, SECTOR, 64 * 1024 * 1024) || entries !== ENTRIES)
    return `grains of ${told} bytes, tables of ${entries} entries`
  const perTable = told * BigInt(entries)
  const directoryEntries = Number((header.readBigUInt64LE(12) * BigInt(SECTOR) + perTable - 1n) / perTable)
  if (directoryEntries > DIRECTORY_LIMIT) return `a grain directory of ${directoryEntries} entries`
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
  // All tables are known once this has gone through, and only then can compressed grains be compared with them.
  for await (const { at, table, left } of grainTables(source, shape, buffer)) {
    if (!layout.table('grain table', at, shape.tableLength)) return layout
    if (!shape.isCompressed) addGrains(layout, await table(), left, shape)
  }
  if (shape.isCompressed) await checkCompressed(source, layout, shape, buffer)
  return layout
}

/** The grain tables in the order of the directory. */
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

/** Says whether an entry of a grain table names a grain. */
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
  // Tables over each other would be read again and again.
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
