import { FETCH_AGAIN, readWhole, type Source } from '../../file/source.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import { Layout } from '../../inspect/layout.ts'
import type { Refusal } from '../../inspect/refusal.ts'
import { exact, needsNewerQemu } from '../shared.ts'

/*
 * Microsoft's "Virtual Hard Disk Image Format Specification" 1.0:
 * https://www.microsoft.com/en-us/download/details.aspx?id=23850
 * Numbers are big-endian. A fixed disk is a raw disk with a footer; a dynamic one also has
 * a copy of the footer at its start.
 */

const COOKIE = 'conectix'
const FOOTER = 512
/** Before version 5, Virtual PC wrote footers without their last byte. */
const OLD_FOOTER = 511
const OLD_MAKER = 'vpc '
const FIRST_WITH_WHOLE_FOOTER = 0x00050000
const SECTOR = 512
const HEADER = 1024
/** Offset of the checksum in a footer. */
const FOOTER_SUM = 64
/** Offset of the checksum in a dynamic disk header. */
const HEADER_SUM = 36
/** Disk types. */
const FIXED = 2
const DYNAMIC = 3
const DIFFERENCING = 4
const VERSION = 1
const NO_BLOCK = 0xffffffff
/** Sectors of the largest geometry, which also stands for all larger disks. */
const LARGEST_GEOMETRY = 65535 * 16 * 255
/** Creators whose disks have the size in the footer, and not the size of its geometry (QEMU's block/vpc.c). */
const CREATORS_BY_SIZE = ['win ', 'qem2', 'd2v ', 'CTXS', 'tap\0', 'wa\0\0']

/** Recognises a VHD image, which QEMU calls vpc. */
export const vpc: Inspector = {
  name: 'vpc',
  kind: 'image',
  title: 'a VHD image',
  async inspect(source) {
    if ((await cookieAt(source, 0)) === COOKIE) return inspectDynamic(source)
    const at = await findFooter(source)
    return at === undefined ? undefined : inspectFixed(source, at)
  },
}

/** Returns the offset of the footer at the end of the file, or undefined if there is none. */
async function findFooter(source: Source): Promise<number | undefined> {
  for (const at of [source.size - FOOTER, source.size - OLD_FOOTER]) {
    if (at > 0 && (await cookieAt(source, at)) === COOKIE) return at
  }
  return undefined
}

async function cookieAt(source: Source, at: number): Promise<string> {
  return (await source.read(at, COOKIE.length)).toString('latin1')
}

/** Returns the refusal of a footer that lacks its last byte, unless its creator wrote it like that. */
function cutOff(footer: Buffer): Refusal[] {
  const isOld = footer.toString('latin1', 28, 32) === OLD_MAKER && footer.readUInt32BE(32) < FIRST_WITH_WHOLE_FOOTER
  if (footer.length === FOOTER || isOld) return []
  return [{ why: 'is damaged or truncated: the footer at its end is incomplete' }]
}

/** Inspects an image that only has a footer after its data. */
async function inspectFixed(source: Source, at: number): Promise<Finding> {
  const footer = Buffer.alloc(FOOTER)
  const bytes = await source.read(at, FOOTER)
  footer.set(bytes)
  const finding = inspectFooter(footer)
  finding.refusals?.push(...cutOff(bytes))
  const type = footer.readUInt32BE(60)
  if (type !== FIXED) {
    finding.refusals?.push({ why: 'is damaged: it ends like a dynamic VHD image but does not start like one' })
  } else if (Number(footer.readBigUInt64BE(48)) !== at) {
    finding.refusals?.push({
      why: `is damaged: its footer describes a disk of ${footer.readBigUInt64BE(48)} bytes, but ${at} bytes precede it`,
    })
  }
  return { ...finding, at, features: ['fixed'], isRawToo: true }
}

async function inspectDynamic(source: Source): Promise<Finding> {
  const footer = await readWhole(source, 0, FOOTER)
  const finding: Finding = { ...inspectFooter(footer), features: ['dynamic'] }
  const type = footer.readUInt32BE(60)
  // A fixed disk has no copy of the footer at its start.
  if (type !== DYNAMIC && type !== DIFFERENCING) {
    finding.refusals?.push({ why: `is damaged: it starts like a VHD image of type ${type}` })
    return finding
  }
  const headerAt = footer.readBigUInt64BE(16)
  const header = await readWhole(source, headerAt, HEADER)
  if (header.subarray(0, 8).toString('latin1') !== 'cxsparse') {
    finding.refusals?.push({ why: `is damaged: it has no dynamic disk header at ${headerAt}` })
    return finding
  }
  if (header.readUInt32BE(HEADER_SUM) !== checksumOf(header, HEADER_SUM))
    finding.refusals?.push(damaged('the checksum of its dynamic disk header is wrong'))
  const parent = parentIn(header)
  if (type === DIFFERENCING || parent !== undefined)
    finding.references?.push(`the parent image ${parent ?? ''}`.trimEnd())
  const shape: Shape = {
    headerAt,
    tableAt: header.readBigUInt64BE(16),
    entries: header.readUInt32BE(28),
    blockSize: header.readUInt32BE(32),
    virtualSize: Number(finding.virtualSize),
  }
  if (
    !Number.isInteger(Math.log2(shape.blockSize)) ||
    shape.blockSize < SECTOR ||
    shape.entries * shape.blockSize < shape.virtualSize
  ) {
    finding.refusals?.push({
      why: `is damaged: ${shape.entries} blocks of ${shape.blockSize} bytes do not cover its disk`,
    })
    return finding
  }
  const footerAt = await findFooter(source)
  if (footerAt === undefined) {
    finding.refusals?.push({ why: 'is damaged or truncated: the footer at its end is missing', hint: FETCH_AGAIN })
  } else finding.refusals?.push(...contradictionsIn(footer, await source.read(footerAt, FOOTER)))
  return {
    ...finding,
    end: exact(shape.tableAt + BigInt(shape.entries * 4)),
    readLayout: (whole) => readLayout(whole, shape),
  }
}

/** Returns the findings in the fields of a footer. */
function inspectFooter(footer: Buffer): Finding {
  // QEMU rounds the size down to whole sectors.
  const size = exact((footer.readBigUInt64BE(48) / BigInt(SECTOR)) * BigInt(SECTOR))
  const geometry = footer.readUInt16BE(56) * footer.readUInt8(58) * footer.readUInt8(59)
  const bySize = CREATORS_BY_SIZE.includes(footer.subarray(28, 32).toString('latin1')) || geometry === LARGEST_GEOMETRY
  const virtualSize = bySize ? size : geometry * SECTOR
  const version = footer.readUInt16BE(12)
  const refusals = []
  if (version !== VERSION) refusals.push(needsNewerQemu(`has version ${version} of the VHD format`))
  if (footer.readUInt32BE(FOOTER_SUM) !== checksumOf(footer, FOOTER_SUM))
    refusals.push(damaged('the checksum of its footer is wrong'))
  return {
    version,
    virtualSize,
    // Newer versions of QEMU use the size for more creators.
    otherVirtualSize: bySize ? geometry * SECTOR : Number(size),
    references: [],
    refusals,
    warnings:
      virtualSize === size
        ? []
        : [`is a disk of ${size} bytes, but QEMU uses ${virtualSize}, the size of its geometry`],
  }
}

/** The fields of a footer that describe its disk. The time and the creator can differ between the copies. */
const DISK_FIELDS: readonly [name: string, at: number, end: number][] = [
  ['the version', 12, 16],
  ['the header offset', 16, 24],
  ['the size', 48, 56],
  ['the geometry', 56, 60],
  ['the type', 60, 64],
  ['the ID', 68, 84],
]

/** Returns the refusals for differences between the footer at the end of a dynamic disk and its copy at the start. */
function contradictionsIn(copy: Buffer, footer: Buffer): Refusal[] {
  const cut = cutOff(footer)
  if (cut.length > 0) return cut
  const whole = Buffer.alloc(FOOTER)
  footer.copy(whole)
  if (whole.readUInt32BE(FOOTER_SUM) !== checksumOf(whole, FOOTER_SUM))
    return [damaged('the checksum of the footer at its end is wrong')]
  const differing = DISK_FIELDS.filter(([, at, end]) => !copy.subarray(at, end).equals(whole.subarray(at, end)))
  if (differing.length === 0) return []
  const names = differing.map(([name]) => name).join(', ')
  return [damaged(`the footer at its end and the copy at its start differ in ${names}`)]
}

function damaged(why: string): Refusal {
  return { why: `is damaged: ${why}`, hint: FETCH_AGAIN }
}

/** Calculates a checksum: the complement of the sum of all bytes except the checksum itself. */
function checksumOf(bytes: Buffer, checksumAt: number): number {
  const isCounted = (at: number) => at < checksumAt || at >= checksumAt + 4
  return ~bytes.reduce((sum, byte, at) => (isCounted(at) ? sum + byte : sum), 0) >>> 0
}

/** Returns the name or the ID of the parent in a dynamic disk header, or undefined if it has none. */
function parentIn(header: Buffer): string | undefined {
  const uuid = header.subarray(40, 56)
  const name = header.subarray(64, 576)
  const locators = header.subarray(576, 768)
  if (![uuid, name, locators].some((part) => part.some((byte) => byte !== 0))) return undefined
  const text = new TextDecoder('utf-16be').decode(name)
  return text.slice(0, text.indexOf('\0')) || uuid.toString('hex')
}

/** Offsets and sizes in bytes. */
interface Shape {
  headerAt: bigint
  tableAt: bigint
  /** Entries of the block allocation table. */
  entries: number
  blockSize: number
  virtualSize: number
}

async function readLayout(source: Source, shape: Shape): Promise<Layout> {
  // A block starts with a bitmap of the sectors that were written.
  const bitmap = Math.ceil(shape.blockSize / SECTOR / 8 / SECTOR) * SECTOR
  const layout = new Layout(source.size, bitmap + shape.blockSize)
  layout.table('footer', 0, FOOTER)
  layout.table('header', shape.headerAt, HEADER)
  layout.table('block allocation table', shape.tableAt, shape.entries * 4)
  layout.table('footer at the end', source.size - OLD_FOOTER, OLD_FOOTER)
  if (layout.refusal()) return layout
  const step = 1024 * 1024
  const used = Math.ceil(shape.virtualSize / shape.blockSize)
  for (let first = 0; first < used; first += step / 4) {
    const table = await readWhole(source, shape.tableAt + BigInt(first * 4), Math.min(step, (used - first) * 4))
    for (let at = 0; at < table.length; at += 4) {
      const entry = table.readUInt32BE(at)
      if (entry !== NO_BLOCK) layout.block(entry * SECTOR)
    }
  }
  return layout
}
