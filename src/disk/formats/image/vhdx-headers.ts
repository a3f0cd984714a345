import { VdcError } from '../../../core/errors.ts'
import { FETCH_AGAIN, type Source } from '../../file/source.ts'
import { crc32c } from '../crc32.ts'

/*
 * MS-VHDX, "Header Section": https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx
 * There are two headers and two region tables, each with a CRC-32C: one of each is intact
 * even if writing is interrupted. Numbers are little-endian, also those of GUIDs.
 */

const KIB = 1024
const HEADERS = [64 * KIB, 128 * KIB]
const HEADER = 4 * KIB
/** Offsets of the two region tables. */
const FIRST_REGIONS = 192 * KIB
const SECOND_REGIONS = 256 * KIB
const TABLE = 64 * KIB
/** Most entries of a region table. */
const ENTRIES_LIMIT = 2047
/** Offset of the checksum in each header and region table. */
const CHECKSUM = 4

/** A region of the file. */
export interface Region {
  /** Offset in bytes, exactly as in the file. */
  at: bigint
  /** In bytes. */
  length: number
}

/** The current header. As a region, it is the log. */
export interface VhdxHeader extends Region {
  version: number
  /** Whether the log must be replayed. */
  isDirty: boolean
  warnings: string[]
}

/**
 * Reads the current header: the valid one with the higher sequence number.
 *
 * @throws VdcError FILE_REFUSED, without the name of the file, if no header is valid, or the
 *   two contradict each other.
 */
export async function readHeader(source: Source): Promise<VhdxHeader> {
  const valid: Buffer[] = []
  for (const at of HEADERS) {
    const header = await source.read(at, HEADER)
    if (isValid(header, 'head', HEADER)) valid.push(header)
  }
  const [first, second] = valid.sort((a, b) => (sequenceOf(a) < sequenceOf(b) ? 1 : -1))
  if (first === undefined) throw damaged('neither of its two headers is valid')
  // Disk2vhd writes the same header twice.
  if (second !== undefined && sequenceOf(first) === sequenceOf(second) && !first.equals(second))
    throw damaged('its two headers have the same sequence number and differ')
  return {
    at: first.readBigUInt64LE(72),
    length: first.readUInt32LE(68),
    version: first.readUInt16LE(66),
    isDirty: first.subarray(48, 64).some((byte) => byte !== 0),
    warnings: second === undefined ? ['has a damaged header: its other header is valid and is used'] : [],
  }
}

function sequenceOf(header: Buffer): bigint {
  return header.readBigUInt64LE(8)
}

/**
 * Reads the regions of the file, by GUID, from the first region table: QEMU reads only this one.
 *
 * @throws VdcError FILE_REFUSED, without the name of the file, if the table is damaged or
 *   the second one contradicts it.
 */
export async function readRegions(source: Source): Promise<{ regions: Map<string, Region>; warnings: string[] }> {
  const [first, second] = [await source.read(FIRST_REGIONS, TABLE), await source.read(SECOND_REGIONS, TABLE)]
  if (!isValid(first, 'regi', TABLE)) throw damaged('the checksum of its first region table is wrong')
  const isSame = second.equals(first)
  const isSecondValid = isSame || isValid(second, 'regi', TABLE)
  if (isSecondValid && !isSame) throw damaged('its two region tables contradict each other')
  const count = Math.min(first.readUInt32LE(8), ENTRIES_LIMIT)
  const entries = Array.from({ length: count }, (_, each) => first.subarray(16 + each * 32))
  return {
    regions: new Map(
      entries.map((entry) => [guidOf(entry), { at: entry.readBigUInt64LE(16), length: entry.readUInt32LE(24) }]),
    ),
    warnings: isSecondValid ? [] : ['has a damaged second region table: the first one is valid and is used'],
  }
}

/** Returns whether bytes are a structure with a valid signature and checksum. The checksum counts as zeros itself. */
function isValid(bytes: Buffer, signature: string, length: number): boolean {
  if (bytes.length < length || bytes.toString('latin1', 0, 4) !== signature) return false
  const summed = Buffer.from(bytes)
  summed.writeUInt32LE(0, CHECKSUM)
  return crc32c(summed) === bytes.readUInt32LE(CHECKSUM)
}

/** Formats the GUID at the start of an entry, without hyphens. */
export function guidOf(entry: Buffer): string {
  const reversed = (at: number, length: number) =>
    Buffer.from(entry.subarray(at, at + length))
      .reverse()
      .toString('hex')
  return reversed(0, 4) + reversed(4, 2) + reversed(6, 2) + entry.subarray(8, 16).toString('hex')
}

function damaged(why: string): VdcError {
  return new VdcError('FILE_REFUSED', `is damaged: ${why}`, { hint: FETCH_AGAIN })
}
