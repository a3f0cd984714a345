import type { Finding, Inspector } from '../../../inspect/inspector.ts'
import { isPowerOfTwo, shorterThanClaimed } from '../../shared.ts'

/*
 * ECMA-107 for FAT12 and FAT16, and Microsoft's FAT specification for FAT32:
 * https://ecma-international.org/publications-and-standards/standards/ecma-107/
 * https://academy.cba.mit.edu/classes/networking_communications/SD/FAT.pdf
 * Numbers are little-endian.
 */

/** Bytes of the largest floppy disk. Floppy images are often cut off after their data. */
const FLOPPY = 2880 * 1024

/** Recognises a raw disk that is a single FAT filesystem, such as a floppy disk. */
export const fat: Inspector = {
  name: 'fat',
  kind: 'contents',
  title: 'a FAT filesystem',
  async inspect(source) {
    const sector = await source.read(0, 512)
    if (sector.length < 512) return undefined
    const volume = volumeIn(sector)
    if (!isPlausible(volume)) return undefined
    const { sectorLength, clusterLength, reserved, tables, tableLength, rootLength, clusters, media } = volume
    // Old floppies have no signature, but their table starts with the media type.
    const start = await source.read(reserved * sectorLength, 2)
    if (sector.readUInt16BE(510) !== 0x55aa && !(start[0] === media && start[1] === 0xff)) return undefined

    const width = widthOf(volume)
    const needed = volume.sectors * sectorLength
    const finding: Finding = { at: 0, title: `a FAT${width} filesystem` }
    if (needed <= source.size || needed > FLOPPY) return { ...finding, end: needed }
    const table = await source.read(reserved * sectorLength, tableLength * sectorLength)
    const dataAt = (reserved + tables * tableLength + rootLength) * sectorLength
    const used = lastUsed(table, width, clusters) * clusterLength * sectorLength
    return { ...finding, end: dataAt + used, warnings: [shorterThanClaimed(needed, source.size)] }
  },
}

/** The layout of a filesystem, as its boot sector describes it. All lengths but `sectorLength` are in sectors. */
interface Volume {
  /** True if the sector starts with a jump, as a boot sector does. */
  isJump: boolean
  /** Bytes of a sector. */
  sectorLength: number
  clusterLength: number
  /** Sectors before the first table. */
  reserved: number
  /** Number of tables. */
  tables: number
  tableLength: number
  rootEntries: number
  rootLength: number
  sectors: number
  clusters: number
  media: number
  isFat32: boolean
}

function volumeIn(sector: Buffer): Volume {
  const sectorLength = sector.readUInt16LE(11)
  const clusterLength = sector.readUInt8(13)
  const reserved = sector.readUInt16LE(14)
  const tables = sector.readUInt8(16)
  const rootEntries = sector.readUInt16LE(17)
  const sectors = sector.readUInt16LE(19) || sector.readUInt32LE(32)
  const isFat32 = sector.readUInt16LE(22) === 0
  const tableLength = isFat32 ? sector.readUInt32LE(36) : sector.readUInt16LE(22)
  const rootLength = Math.ceil((rootEntries * 32) / sectorLength)
  return {
    isJump: (sector[0] === 0xeb && sector[2] === 0x90) || sector[0] === 0xe9,
    sectorLength,
    clusterLength,
    reserved,
    tables,
    tableLength,
    rootEntries,
    rootLength,
    sectors,
    clusters: Math.floor((sectors - reserved - tables * tableLength - rootLength) / clusterLength),
    media: sector.readUInt8(21),
    isFat32,
  }
}

function isPlausible(volume: Volume): boolean {
  return (
    volume.isJump &&
    isPowerOfTwo(volume.sectorLength, 512, 4096) &&
    isPowerOfTwo(volume.clusterLength, 1, 128) &&
    volume.reserved > 0 &&
    (volume.tables === 1 || volume.tables === 2) &&
    (volume.media === 0xf0 || volume.media >= 0xf8) &&
    volume.tableLength > 0 &&
    volume.isFat32 === (volume.rootEntries === 0) &&
    volume.clusters > 0
  )
}

/** Returns the bits of an entry of the table. */
function widthOf({ isFat32, clusters }: Volume): 12 | 16 | 32 {
  if (isFat32) return 32
  return clusters < 4085 ? 12 : 16
}

/** Returns the number of clusters up to the last one in use. The table counts them from 2. */
function lastUsed(table: Buffer, width: 12 | 16 | 32, clusters: number): number {
  for (let cluster = clusters + 1; cluster >= 2; cluster--) {
    const at = Math.floor((cluster * width) / 8)
    if (at + 4 > table.length) continue
    const entry = (table.readUInt32LE(at) >>> (width === 12 && cluster % 2 === 1 ? 4 : 0)) % 2 ** width
    // Bad clusters contain no data.
    if (entry !== 0 && entry !== 2 ** width - 9) return cluster - 1
  }
  return 0
}
