import { FETCH_AGAIN, readWhole, type Source } from '../../file/source.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import { Layout } from '../../inspect/layout.ts'
import type { Refusal } from '../../inspect/refusal.ts'
import { exact, needsNewerQemu } from '../shared.ts'

/*
 * Microsoft's "Virtual Hard Disk Image Format Specification" 1.0:
 * https://www.microsoft.com/en-us/download/details.aspx?id=23850
 * Numbers are big-endian. A fixed disk is its bytes and a footer; a dynamic one
 * has a copy of the footer at its start.
 */

const COOKIE = 'conectix'
const FOOTER = 512
/** Virtual PC wrote footers without their last byte, before its version 5. */
const OLD_FOOTER = 511
const OLD_MAKER = 'vpc '
const FIRST_WHOLE = 0x00050000
const SECTOR = 512
const HEADER = 1024
/** Where the checksum is, in a footer and in the header of a dynamic disk. */
const [FOOTER_SUM, HEADER_SUM] = [64, 36]
const [FIXED, DYNAMIC, DIFFERENCING] = [2, 3, 4]
const VERSION = 1
const NO_BLOCK = 0xffffffff
/** The geometry of disks that are larger than it can tell. */
const LARGEST_GEOMETRY = 65535 * 16 * 255
/** Programs whose disks have the size of the footer, and not that of its geometry (QEMU's block/vpc.c). */
const SIZE_COUNTS = ['win ', 'qem2', 'd2v ', 'CTXS', 'tap\0', 'wa\0\0']

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

/** Where the footer at the file's end is. */
async function findFooter(source: Source): Promise<number | undefined> {
  for (const at of [source.size - FOOTER, source.size - OLD_FOOTER]) {
    if (at > 0 && (await cookieAt(source, at)) === COOKIE) return at
  }
  return undefined
}

async function cookieAt(source: Source, at: number): Promise<string> {
  return (await source.read(at, COOKIE.length)).toString('latin1')
}

/** The refusal of a footer that lacks its last byte, and was never made so. */
function cutIn(footer: Buffer): Refusal[] {
  const isOld = footer.toString('latin1', 28, 32) === OLD_MAKER && footer.readUInt32BE(32) < FIRST_WHOLE
  if (footer.length === FOOTER || isOld) return []
  return [{ why: 'is damaged or truncated: the footer at its end is not whole' }]
}

/** A disk whose only sign is the footer behind it. */
async function inspectFixed(source: Source, at: number): Promise<Finding> {
  const footer = Buffer.alloc(FOOTER)
  const bytes = await source.read(at, FOOTER)
  footer.set(bytes)
  const finding = inspectFooter(footer)
  finding.refusals?.push(...cutIn(bytes))
  const type = footer.readUInt32BE(60)
  if (type !== FIXED) {
    finding.refusals?.push({ why: 'is damaged: it ends as a dynamic VHD image, and does not begin as one' })
  } else if (Number(footer.readBigUInt64BE(48)) !== at) {
    finding.refusals?.push({
      why: `is damaged: its footer is that of a disk of ${footer.readBigUInt64BE(48)} bytes, and ${at} bytes are before it`,
    })
  }
  return { ...finding, at, features: ['fixed'], isRawToo: true }
}

async function inspectDynamic(source: Source): Promise<Finding> {
  const footer = await readWhole(source, 0, FOOTER)
  const finding: Finding = { ...inspectFooter(footer), features: ['dynamic'] }
  const type = footer.readUInt32BE(60)
  // A whole fixed disk that begins with one: the copy of a footer means nothing there.
  if (type !== DYNAMIC && type !== DIFFERENCING) {
    finding.refusals?.push({ why: `is damaged: it begins as a VHD image of type ${type}` })
    return finding
  }
  const headerAt = footer.readBigUInt64BE(16)
  const header = await readWhole(source, headerAt, HEADER)
  if (header.subarray(0, 8).toString('latin1') !== 'cxsparse') {
    finding.refusals?.push({ why: `is damaged: no header of a dynamic disk is at ${headerAt}` })
    return finding
  }
  if (header.readUInt32BE(HEADER_SUM) !== checksumOf(header, HEADER_SUM))
    finding.refusals?.push(damaged('the checksum of its header of a dynamic disk is wrong'))
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
    finding.refusals?.push({ why: `is damaged: ${shape.entries} blocks of ${shape.blockSize} bytes are not its disk` })
    return finding
  }
  const footerAt = await findFooter(source)
  if (footerAt === undefined) {
    finding.refusals?.push({ why: `is damaged or truncated: the footer is missing at its end`, hint: FETCH_AGAIN })
  } else finding.refusals?.push(...contradictionsIn(footer, await source.read(footerAt, FOOTER)))
  return {
    ...finding,
    end: exact(shape.tableAt + BigInt(shape.entries * 4)),
    readLayout: (whole) => readLayout(whole, shape),
  }
}

function inspectFooter(footer: Buffer): Finding {
  // QEMU leaves out a sector that is not whole.
  const size = exact((footer.readBigUInt64BE(48) / BigInt(SECTOR)) * BigInt(SECTOR))
  const geometry = footer.readUInt16BE(56) * footer.readUInt8(58) * footer.readUInt8(59)
  const bySize = SIZE_COUNTS.includes(footer.subarray(28, 32).toString('latin1')) || geometry === LARGEST_GEOMETRY
  const virtualSize = bySize ? size : geometry * SECTOR
  const version = footer.readUInt16BE(12)
  const refusals = []
  if (version !== VERSION) refusals.push(needsNewerQemu(`is of version ${version} of VHD`))
  if (footer.readUInt32BE(FOOTER_SUM) !== checksumOf(footer, FOOTER_SUM))
    refusals.push(damaged('the checksum of its footer is wrong'))
  return {
    version,
    virtualSize,
    // Newer versions know more programs that go by the size.
    otherVirtualSize: bySize ? geometry * SECTOR : Number(size),
    references: [],
    refusals,
    warnings:
      virtualSize === size
        ? []
        : [`is a disk of ${size} bytes, of which QEMU shows ${virtualSize}, going by its geometry`],
  }
}

/** The fields of a footer that describe its disk, and their offsets. Its time and creator may differ between the copies. */
const TOLD: readonly [name: string, at: number, end: number][] = [
  ['the version', 12, 16],
  ['the place of the header', 16, 24],
  ['the size', 48, 56],
  ['the geometry', 56, 60],
  ['the type', 60, 64],
  ['the ID', 68, 84],
]

/** The refusals for the footer at the end of a dynamic disk, compared with the copy at its start. */
function contradictionsIn(copy: Buffer, footer: Buffer): Refusal[] {
  const cut = cutIn(footer)
  if (cut.length > 0) return cut
  const whole = Buffer.alloc(FOOTER)
  footer.copy(whole)
  if (whole.readUInt32BE(FOOTER_SUM) !== checksumOf(whole, FOOTER_SUM))
    return [damaged('the checksum of the footer at its end is wrong')]
  const differing = TOLD.filter(([, at, end]) => !copy.subarray(at, end).equals(whole.subarray(at, end)))
  if (differing.length === 0) return []
  const names = differing.map(([name]) => name).join(', ')
  return [damaged(`the footer at its end and its copy at the start contradict each other in ${names}`)]
}

function damaged(why: string): Refusal {
  return { why: `is damaged: ${why}`, hint: FETCH_AGAIN }
}

/** The complement of the sum of all bytes except the checksum itself. */
function checksumOf(bytes: Buffer, checksumAt: number): number {
  const isCounted = (at: number) => at < checksumAt || at >= checksumAt + 4
  return ~bytes.reduce((sum, byte, at) => (isCounted(at) ? sum + byte : sum), 0) >>> 0
}

/** What the header of a dynamic disk says of a parent, if anything. */
function parentIn(header: Buffer): string | undefined {
  const uuid = header.subarray(40, 56)
  const name = header.subarray(64, 576)
  const locators = header.subarray(576, 768)
  if (![uuid, name, locators].some((part) => part.some((byte) => byte !== 0))) return undefined
  const text = new TextDecoder('utf-16be').decode(name)
  return text.slice(0, text.indexOf('\0')) || uuid.toString('hex')
}

interface Shape {
  headerAt: bigint
  tableAt: bigint
  entries: number
  blockSize: number
  virtualSize: number
}

async function readLayout(source: Source, shape: Shape): Promise<Layout> {
  // Before the data of a block stands which of its sectors were written.
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
