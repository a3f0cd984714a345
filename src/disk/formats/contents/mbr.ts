import type { Source } from '../../file/source.ts'
import type { Inspector } from '../../inspect/inspector.ts'
import { shorterThanClaimed } from '../shared.ts'
import { encryptionIn } from './encrypted-volumes.ts'
import { endOfIso9660 } from './filesystems/iso9660.ts'
import { hasGpt } from './gpt.ts'

/*
 * UEFI Specification, section 5.2 "LBA 0 Format", has the partition table:
 * https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
 * Numbers are little-endian; sectors are counted in 512 bytes.
 */

const SECTOR = 512
const TABLE = 446
const SIGNATURE = 510
const PROTECTIVE = 0xee
const ACTIVE = 0x80

/** iPXE's stick has a partition of this type, and up to here the geometry of a ZIP drive, whatever its length. */
const IPXE = 0xeb
const NOMINAL = 4 * 1024 * 1024
/** The one partition of a BSD that has the whole disk, whose sectors nobody counted. */
const BSD = 0xa5
const BSD_SECTORS = 50_000
/** The sectors of a protective partition where they are not to be told. */
const UNTOLD = 0xffffffff

const NO_GPT = 'has an MBR that protects a GPT, and no GPT'

interface Partition {
  status: number
  type: number
  start: number
  length: number
}

/** A raw disk with a master boot record and at least one partition. */
export const mbr: Inspector = {
  name: 'mbr',
  kind: 'contents',
  title: 'a disk with an MBR',
  async inspect(source) {
    const partitions = partitionsIn(await source.read(0, SECTOR))
    if (partitions === undefined) return undefined
    const real = partitions.filter(({ type }) => type !== PROTECTIVE)
    if (real.length === 0) {
      if (await hasGpt(source)) return { at: SIGNATURE }
      const told = partitions.filter(({ length }) => length !== UNTOLD)
      // A disk of two sectors has room for the header of a GPT at last.
      return { at: SIGNATURE, warnings: [NO_GPT], end: Math.max(2 * SECTOR, endOf(told)), endsWithPartitions: true }
    }
    const encryption = await encryptionIn(
      source,
      real.map(({ start }) => start * SECTOR),
    )
    const needed = endOf(real)
    if (needed <= source.size || !(await isLoose(source, real)))
      return { at: SIGNATURE, end: needed, endsWithPartitions: true, ...encryption }
    return { at: SIGNATURE, warnings: [shorterThanClaimed(needed, source.size)], ...encryption }
  },
}

/**
 * Says whether a file works though it is shorter than its partitions: one that
 * starts in an ISO 9660 volume stands for that (isohybrid), and there are those
 * whose maker did not know the disk ("dangerously dedicated" BSD, iPXE).
 */
async function isLoose(source: Source, partitions: Partition[]): Promise<boolean> {
  const volumeEnd = await endOfIso9660(source)
  if (volumeEnd > 0) return endOf(partitions.filter(({ start }) => start * SECTOR >= volumeEnd)) <= source.size
  if (partitions.some(({ type }) => type === IPXE)) return endOf(partitions) <= NOMINAL
  return partitions.every(({ type, start, length }) => type === BSD && start === 0 && length === BSD_SECTORS)
}

function endOf(partitions: Partition[]): number {
  return Math.max(0, ...partitions.map(({ start, length }) => (start + length) * SECTOR))
}

/** The partitions of a boot sector; undefined when there is none, or code where the table would be. */
function partitionsIn(sector: Buffer): Partition[] | undefined {
  if (sector.length < SECTOR || sector.readUInt16BE(SIGNATURE) !== 0x55aa) return undefined
  const entries = [0, 1, 2, 3].map((number) => {
    const entry = sector.subarray(TABLE + number * 16, TABLE + (number + 1) * 16)
    return {
      status: entry.readUInt8(0),
      type: entry.readUInt8(4),
      start: entry.readUInt32LE(8),
      length: entry.readUInt32LE(12),
    }
  })
  if (!entries.every(({ status }) => status === 0 || status === ACTIVE)) return undefined
  const partitions = entries.filter(
    ({ status, type, start, length }) => type !== 0 && length !== 0 && (start !== 0 || status === ACTIVE),
  )
  return partitions.length === 0 ? undefined : partitions
}
