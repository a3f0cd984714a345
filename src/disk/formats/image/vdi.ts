import { readWhole, type Source } from '../../file/source.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import { Layout } from '../../inspect/layout.ts'
import { exact, needsNewerQemu } from '../shared.ts'

/*
 * VirtualBox's disk image: https://forums.virtualbox.org/viewtopic.php?t=8046
 * ("All about VDIs") and QEMU's block/vdi.c. Numbers are little-endian.
 */

const SIGNATURE_AT = 0x40
const SIGNATURE = 0xbeda107f
const HEADER = 0x200
const VERSION = 0x00010001
/** Bytes of a block: the only size that VirtualBox writes and QEMU supports. */
const BLOCK = 1024 * 1024

const TYPES: Readonly<Record<number, string>> = { 1: 'dynamic', 2: 'static', 3: 'undo', 4: 'differencing' }
/** The types from this one on have a parent image. */
const FIRST_WITH_PARENT = 3
/** Map entries from this value on have no block: it was never written, or was discarded. */
const NO_BLOCK = 0xfffffffe

/** Recognises a VDI image. */
export const vdi: Inspector = {
  name: 'vdi',
  kind: 'image',
  title: 'a VDI image',
  async inspect(source) {
    const signature = await source.read(SIGNATURE_AT, 4)
    if (signature.length < 4 || signature.readUInt32LE(0) !== SIGNATURE) return undefined
    const header = await readWhole(source, 0, HEADER)
    const version = header.readUInt32LE(0x44)
    const type = header.readUInt32LE(0x4c)
    const shape: Shape = {
      mapAt: header.readUInt32LE(0x154),
      dataAt: header.readUInt32LE(0x158),
      blockSize: header.readUInt32LE(0x178),
      blockExtra: header.readUInt32LE(0x17c),
      blocks: header.readUInt32LE(0x180),
      virtualSize: Number(header.readBigUInt64LE(0x170)),
    }
    const finding: Finding = {
      // QEMU rounds the size up to whole sectors.
      virtualSize: exact(((header.readBigUInt64LE(0x170) + 511n) / 512n) * 512n),
      features: [TYPES[type] ?? `type ${type}`],
      references: [],
      refusals: [],
      end: shape.mapAt + shape.blocks * 4,
    }
    if (version !== VERSION)
      finding.refusals?.push(needsNewerQemu(`has version ${version >>> 16}.${version & 0xffff} of the VDI format`))
    const parent = [0x1a8, 0x1b8]
      .map((at) => header.subarray(at, at + 16))
      .find((uuid) => uuid.some((byte) => byte !== 0))
    if (parent !== undefined) finding.references?.push(`the parent image ${uuidOf(parent)}`)
    else if (type >= FIRST_WITH_PARENT || type < 1)
      finding.references?.push(`a parent image (its type is ${TYPES[type] ?? type})`)
    if (shape.blockSize !== BLOCK) {
      finding.refusals?.push({ why: `has blocks of ${shape.blockSize} bytes, but QEMU supports only blocks of 1 MiB` })
      return finding
    }
    if (shape.blocks * shape.blockSize < shape.virtualSize) {
      finding.refusals?.push({
        why: `is damaged: ${shape.blocks} blocks of ${shape.blockSize} bytes do not cover its disk`,
      })
      return finding
    }
    return { ...finding, readLayout: (whole) => readLayout(whole, shape) }
  },
}

/** Offsets and sizes in bytes, from the header. */
interface Shape {
  mapAt: number
  dataAt: number
  blockSize: number
  /** Bytes before the data of each block. */
  blockExtra: number
  blocks: number
  virtualSize: number
}

async function readLayout(source: Source, shape: Shape): Promise<Layout> {
  const length = shape.blockSize + shape.blockExtra
  const layout = new Layout(source.size, length)
  layout.table('header', 0, HEADER)
  layout.table('block map', shape.mapAt, shape.blocks * 4)
  if (layout.refusal()) return layout
  const step = 1024 * 1024
  for (let first = 0; first < shape.blocks; first += step / 4) {
    const map = await readWhole(source, shape.mapAt + first * 4, Math.min(step, (shape.blocks - first) * 4))
    for (let at = 0; at < map.length; at += 4) {
      const block = map.readUInt32LE(at)
      if (block >= NO_BLOCK) continue
      const left = shape.virtualSize - (first + at / 4) * shape.blockSize
      layout.block(shape.dataAt + block * length, Math.min(length, shape.blockExtra + Math.max(left, 0)))
    }
  }
  return layout
}

/** Formats a UUID, whose first three groups are little-endian. */
function uuidOf(bytes: Buffer): string {
  const group = (at: number, length: number) => bytes.subarray(at, at + length)
  const reversed = (at: number, length: number) => Buffer.from(group(at, length)).reverse()
  return [reversed(0, 4), reversed(4, 2), reversed(6, 2), group(8, 2), group(10, 6)]
    .map((each) => each.toString('hex'))
    .join('-')
}
