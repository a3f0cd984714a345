import { VdcError } from '../../../core/errors.ts'
import { FETCH_AGAIN, type Source } from '../../file/source.ts'
import { crc32c } from '../crc32.ts'

/*
 * MS-VHDX, "Header Section": two headers and two region tables, each with a CRC-32C,
 * so that one is whole whenever writing is cut short:
 * https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx
 * Numbers are little-endian, also those of GUIDs.
 */

const KIB = 1024
const HEADERS = [64 * KIB, 128 * KIB]
const HEADER = 4 * KIB
const [FIRST_REGIONS, SECOND_REGIONS] = [192 * KIB, 256 * KIB]
const TABLE = 64 * KIB
/** The most entries of a region table. */
const ENTRIES_LIMIT = 2047
/** Where the checksum is in all of them. */
const CHECKSUM = 4

/** A stretch of the file; `at` is exact, whatever the file says. */
export interface Region {
  at: bigint
  length: number
}

/** The current header: where the log is, and whether it must be replayed. */
export interface VhdxHeader extends Region {
  version: number
  isDirty: boolean
  warnings: string[]
}

/**
 * Reads the header that counts: of the valid ones that with the higher sequence number.
 *
 * @throws VdcError FILE_REFUSED, without the file's name, if there is none.
 */
export async function readHeader(source: Source): Promise<VhdxHeader> {
  const valid: Buffer[] = []
  for (const at of HEADERS) {
    const header = await source.read(at, HEADER)
    if (isValid(header, 'head', HEADER)) valid.push(header)
  }
  const [first, second] = valid.sort((a, b) => (sequenceOf(a) < sequenceOf(b) ? 1 : -1))
  if (first === undefined) throw damaged('it has no valid header, neither of its two')
  // Disk2vhd writes the same header twice.
  if (second !== undefined && sequenceOf(first) === sequenceOf(second) && !first.equals(second))
    throw damaged('its two headers have the same sequence number and differ')
  return {
    at: first.readBigUInt64LE(72),
    length: first.readUInt32LE(68),
    version: first.readUInt16LE(66),
    isDirty: first.subarray(48, 64).some((byte) => byte !== 0),
    warnings: second === undefined ? ['has one damaged header of two: the other one is valid and counts'] : [],
  }
}

function sequenceOf(header: Buffer): bigint {
  return header.readBigUInt64LE(8)
}

/**
 * Reads where things lie, by their GUIDs, from the first region table: QEMU reads no other.
 *
 * @throws VdcError FILE_REFUSED, without the file's name, if it is damaged or the second contradicts it.
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
    warnings: isSecondValid ? [] : ['has a damaged second region table; the first one is valid and counts'],
  }
}

/** Says whether bytes are a whole structure: its signature, and the checksum with zeros in its own place. */
function isValid(bytes: Buffer, signature: string, length: number): boolean {
  if (bytes.length < length || bytes.toString('latin1', 0, 4) !== signature) return false
  const summed = Buffer.from(bytes)
  summed.writeUInt32LE(0, CHECKSUM)
  return crc32c(summed) === bytes.readUInt32LE(CHECKSUM)
}

/** A GUID as people write it, without hyphens. */
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
