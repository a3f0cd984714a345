import { readWhole, type Source } from '../../../file/source.ts'
import type { Finding, Inspector } from '../../../inspect/inspector.ts'
import { exact, largest, nameIn, needsNewerQemu } from '../../shared.ts'
import { isInCluster } from '../cluster-tables.ts'
import { endOfQcow2 } from './qcow2-end.ts'

/*
 * QEMU's docs/interop/qcow2.txt: https://www.qemu.org/docs/master/interop/qcow2.html
 * Numbers are big-endian.
 */

const MAGIC = Buffer.from('QFI\xfb', 'latin1')
/** Internal snapshots above which qemu-img takes seconds and hundreds of megabytes. */
const SNAPSHOT_LIMIT = 1000

/** Bytes of the tables that QEMU takes, and its bitmaps. */
const [FIRST_LIMIT, REFCOUNTS_LIMIT, BITMAP_LIMIT] = [32 * 1024 * 1024, 8 * 1024 * 1024, 65535]

const CORRUPT = 1n << 1n
const DATA_FILE = 1n << 2n
const EXTENDED_L2 = 1n << 4n
/** "Incompatible features" by their bits. */
const INCOMPATIBLE = ['dirty', 'corrupt', 'data-file', 'compression-type', 'extended-l2']
/** "Autoclear features": raw external data. */
const RAW_DATA_FILE = 1n << 1n

const EXTENSIONS_END = 0
const BACKING_FORMAT = 0xe2792aca
const DATA_FILE_NAME = 0x44415441
const BITMAPS = 0x23852875
/** "Full disk encryption header pointer". */
const ENCRYPTION = 0x0537be77

const ZSTD = 1

export const qcow2: Inspector = {
  name: 'qcow2',
  kind: 'image',
  title: 'a qcow2 image',
  async inspect(source) {
    const start = await source.read(0, 8)
    if (start.length < 8 || !start.subarray(0, 4).equals(MAGIC) || start.readUInt32BE(4) === 1) return undefined
    const version = start.readUInt32BE(4)
    if (version !== 2 && version !== 3)
      return { version, refusals: [needsNewerQemu(`is of version ${version} of qcow2`)] }
    return inspectHeader(source, version)
  },
}

async function inspectHeader(source: Source, version: 2 | 3): Promise<Finding> {
  const header = await readWhole(source, 0, version === 2 ? 72 : 104)
  const incompatible = version === 2 ? 0n : header.readBigUInt64BE(72)
  const autoclear = version === 2 ? 0n : header.readBigUInt64BE(88)
  const headerLength = version === 2 ? 72 : header.readUInt32BE(100)
  const clusterBits = header.readUInt32BE(20)
  const finding = {
    version,
    virtualSize: exact(header.readBigUInt64BE(24)),
    features: INCOMPATIBLE.filter((_, bit) => (incompatible >> BigInt(bit)) & 1n),
    references: [] as string[],
    isEncrypted: header.readUInt32BE(32) !== 0,
    refusals: [] as { why: string; hint?: string }[],
    warnings: [] as string[],
    end: 0 as number | bigint,
  }
  if (clusterBits < 9 || clusterBits > 21) {
    finding.refusals.push({ why: `is damaged: it has clusters of 2^${clusterBits} bytes` })
    return finding
  }
  if (headerLength < 72 || headerLength > 1 << clusterBits) {
    finding.refusals.push({ why: `is damaged: its header has ${headerLength} bytes` })
    return finding
  }
  if (incompatible >> BigInt(INCOMPATIBLE.length)) {
    finding.refusals.push(
      needsNewerQemu(`needs features of qcow2 that are unknown: bits 0x${incompatible.toString(16)}`),
    )
  }
  if (incompatible & CORRUPT) finding.refusals.push({ why: 'is marked as corrupt', hint: REPAIR })
  if (incompatible & 1n) finding.warnings.push('was not closed cleanly')

  const backingAt = header.readBigUInt64BE(8)
  const backingLength = header.readUInt32BE(16)
  const isBacked = backingAt !== 0n || backingLength !== 0
  if (isBacked) {
    finding.references.push(
      `the backing file ${await nameIn(source, Number(backingAt), Math.min(backingLength, 1023))}`,
    )
  }
  const { extensions, repeated } = await readExtensions(source, headerLength, 1 << clusterBits)
  // qemu-img rebase leaves an empty format.
  if (!isBacked && (extensions.get(BACKING_FORMAT)?.length ?? 0) > 0) {
    finding.references.push('a backing file that it only tells the format of')
  }
  if (repeated.has(BACKING_FORMAT)) finding.references.push('a backing file that it tells two formats of')
  if (extensions.has(ENCRYPTION)) finding.isEncrypted = true
  for (const type of [DATA_FILE_NAME, BITMAPS, ENCRYPTION].filter((each) => repeated.has(each)))
    finding.refusals.push({
      why: `is damaged: it has two header extensions of type 0x${type.toString(16)}`,
      hint: FLATTEN,
    })
  const dataFile = extensions.get(DATA_FILE_NAME)
  if (incompatible & DATA_FILE || dataFile !== undefined || autoclear & RAW_DATA_FILE) {
    finding.references.push(`the external data file ${dataFile?.toString('latin1') ?? ''}`.trimEnd())
  }

  if (version === 3 && headerLength > 104) {
    const compression = (await readWhole(source, 104, 1)).readUInt8(0)
    if (compression === ZSTD) finding.features.push('zstd')
    else if (compression > ZSTD)
      finding.refusals.push(needsNewerQemu(`is compressed in a way that is unknown: ${compression}`))
  }
  const snapshots = header.readUInt32BE(60)
  if (snapshots > SNAPSHOT_LIMIT) {
    finding.refusals.push({ why: `has ${snapshots} internal snapshots, more than ${SNAPSHOT_LIMIT}`, hint: FLATTEN })
  } else if (snapshots > 0) finding.warnings.push(`has ${snapshots} internal snapshot${snapshots === 1 ? '' : 's'}`)

  const tables = [
    { at: header.readBigUInt64BE(40), length: header.readUInt32BE(36) * 8 },
    { at: header.readBigUInt64BE(48), length: header.readUInt32BE(56) * 2 ** clusterBits },
    // The shortest entry of the table has 40 bytes.
    { at: snapshots > 0 ? header.readBigUInt64BE(64) : 0n, length: snapshots * 40 },
  ]
  finding.end = largest(1 << clusterBits, ...tables.map(({ at, length }) => exact(at + BigInt(length))))
  const cluster = 1 << clusterBits
  const bitmaps = extensions.get(BITMAPS)
  const bitmapCount = bitmaps && bitmaps.length >= 24 ? bitmaps.readUInt32BE(0) : 0
  const lengths = tables.map(({ length }) => length)
  if ((lengths[0] ?? 0) > FIRST_LIMIT || (lengths[1] ?? 0) > REFCOUNTS_LIMIT || bitmapCount > BITMAP_LIMIT) {
    finding.refusals.push({
      why: `is damaged: tables of ${lengths[0]} and ${lengths[1]} bytes, ${bitmapCount} bitmaps`,
    })
  }
  return {
    ...finding,
    findEnd: (whole) =>
      endOfQcow2(whole, {
        clusterBits,
        virtualSize: Number(finding.virtualSize),
        hasSubclusters: (incompatible & EXTENDED_L2) !== 0n,
        isZstd: finding.features.includes('zstd'),
        first: { at: Number(header.readBigUInt64BE(40)), entries: header.readUInt32BE(36) },
        refcounts: {
          at: Number(header.readBigUInt64BE(48)),
          entries: (header.readUInt32BE(56) * 2 ** clusterBits) / 8,
        },
        snapshots: { at: Number(header.readBigUInt64BE(64)), entries: snapshots },
        bitmaps:
          bitmaps && bitmaps.length >= 24
            ? { at: Number(bitmaps.readBigUInt64BE(16)), entries: bitmapCount }
            : { at: 0, entries: 0 },
      }),
    findData: (whole, offset) =>
      isInCluster(whole, offset, {
        cluster,
        tableAt: Number(header.readBigUInt64BE(40)),
        tableEntries: header.readUInt32BE(36),
        secondLength: cluster,
        entryLength: incompatible & EXTENDED_L2 ? 16 : 8,
        isBigEndian: true,
        mask: OFFSET_BITS,
      }),
  }
}

/** Of an entry in a table: bits 9 to 55. */
const OFFSET_BITS = [0x00ffffff, 0xfffffe00] as const
const FLATTEN = 'Make a new one of it: qemu-img convert -O qcow2 {file} OUT.qcow2'
const REPAIR = 'qemu-img check -r all may repair a copy of it'

/** "Header extensions": what follows the header within the first cluster, by type; the first counts of a type that is repeated. */
async function readExtensions(source: Source, at: number, end: number) {
  const extensions = new Map<number, Buffer>()
  const repeated = new Set<number>()
  for (let next = at; next + 8 <= end; ) {
    const head = await source.read(next, 8)
    if (head.length < 8) break
    const [type, length] = [head.readUInt32BE(0), head.readUInt32BE(4)]
    if (type === EXTENSIONS_END || next + 8 + length > end) break
    if (extensions.has(type)) repeated.add(type)
    else extensions.set(type, await source.read(next + 8, Math.min(length, 1023)))
    next += 8 + Math.ceil(length / 8) * 8
  }
  return { extensions, repeated }
}
