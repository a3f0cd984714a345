import { readWhole, type Source } from '../../../file/source.ts'
import { nameIn } from '../../shared.ts'

/*
 * The header of a qcow2 image and its extensions: QEMU's docs/interop/qcow2.txt:
 * https://www.qemu.org/docs/master/interop/qcow2.html
 * Numbers are big-endian.
 */

/** Types of header extensions. */
const EXTENSIONS_END = 0
export const BACKING_FORMAT = 0xe2792aca
export const DATA_FILE_NAME = 0x44415441
export const BITMAPS = 0x23852875
/** "Full disk encryption header pointer". */
export const ENCRYPTION = 0x0537be77

/** The fields of the header. Offsets are in bytes. */
export interface Header {
  version: 2 | 3
  backingAt: bigint
  backingLength: number
  /** Logarithm of the bytes of a cluster. */
  clusterBits: number
  virtualSize: bigint
  encryption: number
  firstEntries: number
  firstAt: bigint
  refcountsAt: bigint
  /** Bytes of the refcount table. */
  refcountsLength: number
  snapshots: number
  snapshotsAt: bigint
  incompatible: bigint
  autoclear: bigint
  /** Bytes of the header. */
  length: number
}

/**
 * Reads the header.
 *
 * @throws VdcError FILE_REFUSED, without the name of the file, if the file ends before it.
 */
export async function readHeader(source: Source, version: 2 | 3): Promise<Header> {
  const header = await readWhole(source, 0, version === 2 ? 72 : 104)
  const clusterBits = header.readUInt32BE(20)
  const newFields =
    version === 2
      ? { incompatible: 0n, autoclear: 0n, length: 72 }
      : {
          incompatible: header.readBigUInt64BE(72),
          autoclear: header.readBigUInt64BE(88),
          length: header.readUInt32BE(100),
        }
  return {
    version,
    backingAt: header.readBigUInt64BE(8),
    backingLength: header.readUInt32BE(16),
    clusterBits,
    virtualSize: header.readBigUInt64BE(24),
    encryption: header.readUInt32BE(32),
    firstEntries: header.readUInt32BE(36),
    firstAt: header.readBigUInt64BE(40),
    refcountsAt: header.readBigUInt64BE(48),
    refcountsLength: header.readUInt32BE(56) * 2 ** clusterBits,
    snapshots: header.readUInt32BE(60),
    snapshotsAt: header.readBigUInt64BE(64),
    ...newFields,
  }
}

/** Returns the name of the backing file, or undefined if the image has none. */
export async function readBackingName(source: Source, header: Header): Promise<string | undefined> {
  const { backingAt, backingLength } = header
  if (backingAt === 0n && backingLength === 0) return undefined
  return nameIn(source, Number(backingAt), Math.min(backingLength, 1023))
}

/** The "Header extensions". */
export interface Extensions {
  /** The data of the first extension of each type. */
  first: Map<number, Buffer>
  /** Types with more than one extension. */
  repeated: Set<number>
}

/** Reads the header extensions, which follow the header in the first cluster. */
export async function readExtensions(source: Source, at: number, end: number): Promise<Extensions> {
  const first = new Map<number, Buffer>()
  const repeated = new Set<number>()
  for (let next = at; next + 8 <= end; ) {
    const head = await source.read(next, 8)
    if (head.length < 8) break
    const type = head.readUInt32BE(0)
    const length = head.readUInt32BE(4)
    if (type === EXTENSIONS_END || next + 8 + length > end) break
    if (first.has(type)) repeated.add(type)
    else first.set(type, await source.read(next + 8, Math.min(length, 1023)))
    next += 8 + Math.ceil(length / 8) * 8
  }
  return { first, repeated }
}
