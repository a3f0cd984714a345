import type { Inspector } from '../inspector.ts'
import type { Source } from '../source.ts'
import { hasGpt } from './gpt.ts'
import { endOfIso9660 } from './iso9660.ts'
import { shorterThanClaimed } from './shared.ts'

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

/**
 * Bytes up to which a disk is taken for the made-up one of a boot loader: iPXE's
 * stick has partitions up to 3 MiB, a ZIP drive's geometry, whatever its length.
 */
const NOMINAL = 4 * 1024 * 1024

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
    if (real.length === 0) return (await hasGpt(source)) ? { at: SIGNATURE } : { at: SIGNATURE, warnings: [NO_GPT] }
    const needed = endOf(real)
    if (needed <= source.size || !(await isLoose(source, real))) return { at: SIGNATURE, end: needed }
    return { at: SIGNATURE, warnings: [shorterThanClaimed(needed, source.size)] }
  },
}

/**
 * Says whether a file works though it is shorter than its partitions. One from
 * sector 0 stands for the whole of a disk whose length its maker did not know
 * (isohybrid, "dangerously dedicated" BSD); one that starts in an ISO 9660 volume
 * stands for that.
 */
async function isLoose(source: Source, partitions: Partition[]): Promise<boolean> {
  const volumeEnd = await endOfIso9660(source)
  if (volumeEnd === 0 && endOf(partitions) <= NOMINAL) return true
  const binding = partitions.filter(({ start }) => start > 0 && start * SECTOR >= volumeEnd)
  return endOf(binding) <= source.size
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
