import { FETCH_AGAIN, readWhole, type Source } from '../../file/source.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import { Layout } from '../../inspect/layout.ts'
import { piecesOfTable } from '../../inspect/table-pieces.ts'
import { isPowerOfTwo, largest, needsNewerQemu } from '../shared.ts'
import { guidOf, type Region, readHeader, readRegions } from './vhdx-headers.ts'

/*
 * Microsoft's MS-VHDX: https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx
 * Numbers are little-endian, also those of GUIDs.
 */

const SIGNATURE = 'vhdxfile'
const KIB = 1024
const MIB = 1024 * 1024
/** Largest virtual size in bytes. */
const SIZE_LIMIT = 64 * 1024 ** 4
/** Largest block in bytes. */
const BLOCK_LIMIT = 256 * MIB
/** Bytes of a sector. */
const SECTOR = 512
/** Bytes of a large sector, which QEMU cannot read. */
const LARGE_SECTOR = 4096
/** Most entries of a metadata table. */
const ENTRIES_LIMIT = 2047

/** GUIDs of regions and metadata items, as formatted by guidOf. */
const BAT = '2dc27766f62342009d64115e9bfd4a08'
const METADATA = '8b7ca20647904b9ab8fe575f050f886e'
const FILE_PARAMETERS = 'caa16737fa364d43b3b633f0aa44e76b'
const VIRTUAL_DISK_SIZE = '2fa54224cd1b4876b2115dbed83bf4b8'
const LOGICAL_SECTOR_SIZE = '8141bf1da96f4709ba47f233a8faab5f'
const PARENT_LOCATOR = 'a8d35f2db30b454dabf7d3d84834ab0c'
const HAS_PARENT = 2
/** "Payload BAT Entry States" of blocks that are in the file. */
const FULLY_PRESENT = 6
const PARTIALLY_PRESENT = 7

/** Recognises a VHDX image. */
export const vhdx: Inspector = {
  name: 'vhdx',
  kind: 'image',
  title: 'a VHDX image',
  async inspect(source) {
    if ((await source.read(0, SIGNATURE.length)).toString('latin1') !== SIGNATURE) return undefined
    const log = await readHeader(source)
    const finding: Finding = { version: log.version, references: [], refusals: [], warnings: [...log.warnings] }
    if (log.version !== 1) finding.refusals?.push(needsNewerQemu(`has version ${log.version} of the VHDX format`))
    if (log.isDirty) {
      finding.refusals?.push({
        why: 'was not closed cleanly: its log must be replayed first',
        hint: 'Replay it on a copy with: qemu-img check -r all',
      })
    }
    const { regions, warnings } = await readRegions(source)
    finding.warnings?.push(...warnings)
    const bat = regions.get(BAT)
    const metadata = regions.get(METADATA)
    if (bat === undefined || metadata === undefined) {
      finding.refusals?.push({ why: 'is damaged: its region table has no block table or no metadata' })
      return finding
    }
    finding.end = largest(...[bat, metadata].map(({ at, length }) => at + BigInt(length)))
    if (finding.end > source.size) return finding
    const items = await readMetadata(source, metadata)
    const parameters = items.get(FILE_PARAMETERS)
    const size = items.get(VIRTUAL_DISK_SIZE)
    const sector = items.get(LOGICAL_SECTOR_SIZE)
    if (
      parameters === undefined ||
      size === undefined ||
      sector === undefined ||
      size.length < 8 ||
      parameters.length < 8 ||
      sector.length < 4
    ) {
      finding.refusals?.push({ why: 'is damaged: its metadata lacks the disk, block or sector size' })
      return finding
    }
    if (parameters.readUInt32LE(4) & HAS_PARENT || items.has(PARENT_LOCATOR)) {
      finding.references?.push(`the parent image ${parentIn(items.get(PARENT_LOCATOR))}`.trimEnd())
    }
    finding.virtualSize = Number(size.readBigUInt64LE(0))
    if (size.readBigUInt64LE(0) > SIZE_LIMIT) {
      finding.refusals?.push({
        why: `is damaged: a disk of ${size.readBigUInt64LE(0)} bytes is larger than VHDX allows`,
        hint: FETCH_AGAIN,
      })
      return finding
    }
    const shape = {
      bat,
      metadata,
      log,
      regions,
      blockSize: parameters.readUInt32LE(0),
      sector: sector.readUInt32LE(0),
      virtualSize: finding.virtualSize,
    }
    if (shape.sector === LARGE_SECTOR) {
      finding.refusals?.push({ why: `has sectors of ${LARGE_SECTOR} bytes, which QEMU cannot read` })
      return finding
    }
    if (!isPowerOfTwo(shape.blockSize, MIB, BLOCK_LIMIT) || shape.sector !== SECTOR) {
      finding.refusals?.push({
        why: `is damaged: it has blocks of ${shape.blockSize} bytes and sectors of ${shape.sector}`,
      })
      return finding
    }
    return { ...finding, readLayout: (whole) => readLayout(whole, shape) }
  },
}

/** Reads the "Metadata Table": values by GUID. */
async function readMetadata(source: Source, region: Region): Promise<Map<string, Buffer>> {
  const start = Number(region.at)
  const head = await readWhole(source, start, 32)
  const count = Math.min(head.readUInt16LE(10), ENTRIES_LIMIT)
  const items = new Map<string, Buffer>()
  for (let each = 0; each < count; each++) {
    const entry = await readWhole(source, start + 32 + each * 32, 32)
    const offset = entry.readUInt32LE(16)
    const length = entry.readUInt32LE(20)
    items.set(guidOf(entry), await source.read(start + offset, Math.min(length, 4 * KIB)))
  }
  return items
}

/** Finds the path in the "Parent Locator": keys and values in UTF-16. Returns '' if there is none. */
function parentIn(locator: Buffer | undefined): string {
  if (locator === undefined) return ''
  const text = new TextDecoder('utf-16le').decode(locator.subarray(20))
  return /(?:relative_path|absolute_win32_path|volume_path)([^\0]{1,200})/.exec(text)?.[1] ?? ''
}

/** Regions, and sizes in bytes. */
interface Shape {
  bat: Region
  log: Region
  regions: Map<string, Region>
  blockSize: number
  sector: number
  virtualSize: number
}

async function readLayout(
  source: Source,
  { bat, log, regions, blockSize, sector, virtualSize }: Shape,
): Promise<Layout> {
  const layout = new Layout(source.size, blockSize)
  layout.table('header section', 0, MIB)
  if (log.length > 0) layout.table('log', log.at, log.length)
  for (const [id, { at, length }] of regions) layout.table(id === BAT ? 'block table' : 'region', at, length)
  const blocks = Math.ceil(virtualSize / blockSize)
  // "BAT": after this many entries of blocks comes one of a sector bitmap.
  const ratio = (2 ** 23 * sector) / blockSize
  const entries = blocks + Math.floor((blocks - 1) / ratio)
  if (entries * 8 > bat.length) layout.table('block table', bat.at + BigInt(bat.length), entries * 8 - bat.length)
  if (layout.refusal()) return layout
  for await (const { from, bytes } of piecesOfTable(source, Number(bat.at), entries * 8)) {
    for (let at = 0; at < bytes.length; at += 8) {
      const state = bytes.readUInt8(at) & 7
      const isPresent = state === FULLY_PRESENT || state === PARTIALLY_PRESENT
      if (!isPresent || ((from + at) / 8 + 1) % (ratio + 1) === 0) continue
      layout.block((bytes.readUInt32LE(at + 4) * 2 ** 12 + (bytes.readUInt32LE(at) >>> 20)) * MIB)
    }
  }
  return layout
}
