import { readWhole, type Source } from '../../../file/source.ts'
import { FILE } from '../../../inspect/inspection.ts'
import type { Finding, Inspector } from '../../../inspect/inspector.ts'
import type { Refusal } from '../../../inspect/refusal.ts'
import { exact, largest, needsNewerQemu } from '../../shared.ts'
import { type ClusterTables, isInCluster } from '../cluster-tables.ts'
import { endOfQcow2, type Qcow2Shape } from './qcow2-end.ts'
import {
  BACKING_FORMAT,
  BITMAPS,
  DATA_FILE_NAME,
  ENCRYPTION,
  type Extensions,
  type Header,
  readBackingName,
  readExtensions,
  readHeader,
} from './qcow2-header.ts'

/*
 * QEMU's docs/interop/qcow2.txt: https://www.qemu.org/docs/master/interop/qcow2.html
 * Numbers are big-endian.
 */

const MAGIC = Buffer.from('QFI\xfb', 'latin1')
/** Most internal snapshots: with more, qemu-img takes seconds and hundreds of megabytes. */
const SNAPSHOT_LIMIT = 1000

/** QEMU's limits: bytes of the first-level table and of the refcount table, and the number of bitmaps. */
const FIRST_LIMIT = 32 * 1024 * 1024
const REFCOUNTS_LIMIT = 8 * 1024 * 1024
const BITMAP_LIMIT = 65535

/** "Incompatible features", in the order of their bits. */
const INCOMPATIBLE = ['dirty', 'corrupt', 'data-file', 'compression-type', 'extended-l2']
const DIRTY = 1n << 0n
const CORRUPT = 1n << 1n
const DATA_FILE = 1n << 2n
const EXTENDED_L2 = 1n << 4n
/** "Autoclear features": raw external data. */
const RAW_DATA_FILE = 1n << 1n

/** Bytes of the bitmaps extension. */
const BITMAPS_LENGTH = 24
/** Bytes of the shortest entry of the snapshot table. */
const SHORTEST_SNAPSHOT = 40

/** Compression type. */
const ZSTD = 1

/** The bits of the offset in a table entry: 9 to 55. */
const OFFSET_BITS = [0x00ffffff, 0xfffffe00] as const

const FLATTEN = `Make a clean copy: qemu-img convert -O qcow2 ${FILE} OUT.qcow2`
const REPAIR = 'qemu-img check -r all may repair a copy of it'

/** Recognises a qcow2 image. */
export const qcow2: Inspector = {
  name: 'qcow2',
  kind: 'image',
  title: 'a qcow2 image',
  async inspect(source) {
    const start = await source.read(0, 8)
    if (start.length < 8 || !start.subarray(0, 4).equals(MAGIC) || start.readUInt32BE(4) === 1) return undefined
    const version = start.readUInt32BE(4)
    if (version !== 2 && version !== 3)
      return { version, refusals: [needsNewerQemu(`has version ${version} of the qcow2 format`)] }
    return inspectHeader(source, await readHeader(source, version))
  },
}

async function inspectHeader(source: Source, header: Header): Promise<Finding> {
  const { version, clusterBits, length, incompatible } = header
  const features = INCOMPATIBLE.filter((_, bit) => (incompatible >> BigInt(bit)) & 1n)
  const finding = { version, virtualSize: exact(header.virtualSize), features, end: 0 }
  const isEncrypted = header.encryption !== 0
  if (clusterBits < 9 || clusterBits > 21)
    return { ...finding, isEncrypted, refusals: [{ why: `is damaged: it has clusters of 2^${clusterBits} bytes` }] }
  if (length < 72 || length > 2 ** clusterBits)
    return { ...finding, isEncrypted, refusals: [{ why: `is damaged: its header has ${length} bytes` }] }

  const backingName = await readBackingName(source, header)
  const extensions = await readExtensions(source, length, 2 ** clusterBits)
  const compression = version === 3 && length > 104 ? (await readWhole(source, 104, 1)).readUInt8(0) : 0
  if (compression === ZSTD) features.push('zstd')
  const shape = shapeOf(header, extensions, compression === ZSTD)
  return {
    ...finding,
    isEncrypted: isEncrypted || extensions.first.has(ENCRYPTION),
    references: referencesIn(header, extensions, backingName),
    refusals: refusalsIn(header, extensions, compression, shape.bitmaps.entries),
    warnings: warningsIn(header),
    end: endOfTables(header),
    findEnd: (whole) => endOfQcow2(whole, shape),
    findData: (whole, offset) => isInCluster(whole, offset, clusterTables(header)),
  }
}

function referencesIn(
  { incompatible, autoclear }: Header,
  { first, repeated }: Extensions,
  backingName: string | undefined,
): string[] {
  const references: string[] = []
  if (backingName !== undefined) references.push(`the backing file ${backingName}`)
  // qemu-img rebase leaves an empty format.
  else if ((first.get(BACKING_FORMAT)?.length ?? 0) > 0)
    references.push('an unnamed backing file (it has a backing format)')
  if (repeated.has(BACKING_FORMAT)) references.push('a backing file (it has two backing formats)')
  const dataFile = first.get(DATA_FILE_NAME)
  if (incompatible & DATA_FILE || dataFile !== undefined || autoclear & RAW_DATA_FILE)
    references.push(`the external data file ${dataFile?.toString('latin1') ?? ''}`.trimEnd())
  return references
}

function refusalsIn(header: Header, { repeated }: Extensions, compression: number, bitmaps: number): Refusal[] {
  const { incompatible, snapshots, refcountsLength } = header
  const refusals: Refusal[] = []
  if (incompatible >> BigInt(INCOMPATIBLE.length))
    refusals.push(needsNewerQemu(`needs unknown qcow2 features: bits 0x${incompatible.toString(16)}`))
  if (incompatible & CORRUPT) refusals.push({ why: 'is marked as corrupt', hint: REPAIR })
  for (const type of [DATA_FILE_NAME, BITMAPS, ENCRYPTION]) {
    if (!repeated.has(type)) continue
    refusals.push({ why: `is damaged: it has two header extensions of type 0x${type.toString(16)}`, hint: FLATTEN })
  }
  if (compression > ZSTD) refusals.push(needsNewerQemu(`has an unknown compression type: ${compression}`))
  if (snapshots > SNAPSHOT_LIMIT)
    refusals.push({ why: `has ${snapshots} internal snapshots, more than ${SNAPSHOT_LIMIT}`, hint: FLATTEN })
  const firstLength = header.firstEntries * 8
  if (firstLength > FIRST_LIMIT || refcountsLength > REFCOUNTS_LIMIT || bitmaps > BITMAP_LIMIT) {
    const why = `is damaged: it has tables of ${firstLength} and ${refcountsLength} bytes, and ${bitmaps} bitmaps`
    refusals.push({ why })
  }
  return refusals
}

function warningsIn({ incompatible, snapshots }: Header): string[] {
  const warnings: string[] = []
  if (incompatible & DIRTY) warnings.push('was not closed cleanly')
  if (snapshots > 0 && snapshots <= SNAPSHOT_LIMIT)
    warnings.push(`has ${snapshots} internal snapshot${snapshots === 1 ? '' : 's'}`)
  return warnings
}

/** Returns the offset after the header and the tables that it refers to. */
function endOfTables(header: Header): number | bigint {
  const { clusterBits, snapshots } = header
  return largest(
    2 ** clusterBits,
    exact(header.firstAt + BigInt(header.firstEntries * 8)),
    exact(header.refcountsAt + BigInt(header.refcountsLength)),
    // Without snapshots, the offset of their table has no meaning.
    snapshots > 0 ? exact(header.snapshotsAt + BigInt(snapshots * SHORTEST_SNAPSHOT)) : 0,
  )
}

function shapeOf(header: Header, { first }: Extensions, isZstd: boolean): Qcow2Shape {
  const bitmaps = first.get(BITMAPS)
  const hasBitmaps = bitmaps !== undefined && bitmaps.length >= BITMAPS_LENGTH
  return {
    clusterBits: header.clusterBits,
    virtualSize: Number(header.virtualSize),
    hasSubclusters: (header.incompatible & EXTENDED_L2) !== 0n,
    isZstd,
    first: { at: Number(header.firstAt), entries: header.firstEntries },
    refcounts: { at: Number(header.refcountsAt), entries: header.refcountsLength / 8 },
    snapshots: { at: Number(header.snapshotsAt), entries: header.snapshots },
    bitmaps: hasBitmaps
      ? { at: Number(bitmaps.readBigUInt64BE(16)), entries: bitmaps.readUInt32BE(0) }
      : { at: 0, entries: 0 },
  }
}

function clusterTables({ clusterBits, firstAt, firstEntries, incompatible }: Header): ClusterTables {
  const cluster = 2 ** clusterBits
  return {
    cluster,
    tableAt: Number(firstAt),
    tableEntries: firstEntries,
    secondLength: cluster,
    entryLength: incompatible & EXTENDED_L2 ? 16 : 8,
    isBigEndian: true,
    mask: OFFSET_BITS,
  }
}
