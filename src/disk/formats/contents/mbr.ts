import type { Source } from '../../file/source.ts'
import type { Inspector } from '../../inspect/inspector.ts'
import { shorterThanClaimed } from '../shared.ts'
import { encryptionIn } from './encrypted-volumes.ts'
import { endOfIso9660 } from './filesystems/iso9660.ts'
import { hasGpt } from './gpt.ts'

/*
 * UEFI Specification, section 5.2 "LBA 0 Format":
 * https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
 * Numbers are little-endian; sectors have 512 bytes.
 */

const SECTOR = 512
const TABLE = 446
const SIGNATURE = 510
const PROTECTIVE = 0xee
const ACTIVE = 0x80

/** Type of the partition of iPXE's USB image. */
const IPXE = 0xeb
/** Largest end of that partition: its geometry is nominal, and not the real size. */
const IPXE_END = 4 * 1024 * 1024
/** Type of the partition of a "dangerously dedicated" BSD disk. */
const BSD = 0xa5
/** Nominal sectors of that partition, whatever the size of the disk. */
const BSD_SECTORS = 50_000
/** The sectors of a protective partition if its real size is not given. */
const UNKNOWN_SECTORS = 0xffffffff

const NO_GPT = 'has a protective MBR but no GPT'

interface Partition {
  status: number
  type: number
  start: number
  length: number
}

/** Recognises a raw disk with a master boot record and at least one partition. */
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
      const sized = partitions.filter(({ length }) => length !== UNKNOWN_SECTORS)
      // The header of a GPT needs a second sector.
      return { at: SIGNATURE, warnings: [NO_GPT], end: Math.max(2 * SECTOR, endOf(sized)), endsWithPartitions: true }
    }
    const encryption = await encryptionIn(
      source,
      real.map(({ start }) => start * SECTOR),
    )
    const needed = endOf(real)
    if (needed <= source.size || !(await mayBeShorter(source, real)))
      return { at: SIGNATURE, end: needed, endsWithPartitions: true, ...encryption }
    return { at: SIGNATURE, warnings: [shorterThanClaimed(needed, source.size)], ...encryption }
  },
}

/**
 * Returns whether a file works although it is shorter than its partitions. In a hybrid
 * ISO image (isohybrid), a partition that starts in the ISO 9660 volume stands for the
 * volume. Other partitions have nominal sizes ("dangerously dedicated" BSD, iPXE).
 */
async function mayBeShorter(source: Source, partitions: Partition[]): Promise<boolean> {
  const volumeEnd = await endOfIso9660(source)
  if (volumeEnd > 0) return endOf(partitions.filter(({ start }) => start * SECTOR >= volumeEnd)) <= source.size
  if (partitions.some(({ type }) => type === IPXE)) return endOf(partitions) <= IPXE_END
  return partitions.every(({ type, start, length }) => type === BSD && start === 0 && length === BSD_SECTORS)
}

function endOf(partitions: Partition[]): number {
  return Math.max(0, ...partitions.map(({ start, length }) => (start + length) * SECTOR))
}

/** Returns the partitions of a boot sector, or undefined if there are none or the table is code. */
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
