import { FETCH_AGAIN, NotKept, type Source } from '../../file/source.ts'
import { FILE } from '../../inspect/inspection.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import { crc32 } from '../crc32.ts'
import { exact, hasBytes, isPowerOfTwo, largest, shorterThanClaimed } from '../shared.ts'
import { encryptionIn } from './encrypted-volumes.ts'
import { endOfIso9660 } from './filesystems/iso9660.ts'

/*
 * UEFI Specification, section 5.3 "GUID Partition Table (GPT) Disk Layout":
 * https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
 * Numbers are little-endian; sectors have 512 or 4096 bytes.
 */

const MAGIC = 'EFI PART'
const SECTORS = [512, 4096]
const REVISION = 0x00010000
const UNUSED = '00000000-0000-0000-0000-000000000000'
/** Offset of the type of the first partition in an MBR. */
const PARTITION_TYPE = 450
/** Type of an MBR partition that protects a GPT. */
const PROTECTIVE = 0xee
/** Bytes of the partition entries that are read: 1024 entries of the usual length. */
const ENTRIES_LIMIT = 128 * 1024

/**
 * Architectures by the types of root and /usr partitions: Discoverable Partitions
 * Specification, https://uapi-group.org/specifications/specs/discoverable_partitions_specification/
 */
const ARCHES: Readonly<Record<string, string>> = {
  '44479540-f297-41b2-9af7-d131d5f0458a': 'x86',
  '75250d76-8cc6-458e-bd66-bd47cc81a812': 'x86',
  '4f68bce3-e8cd-4db1-96e7-fbcaf984b709': 'x86_64',
  '8484680c-9521-48c6-9c11-b0720656f69e': 'x86_64',
  '69dad710-2ce4-4e3c-b16c-21a1d49abed3': 'arm',
  '7d0359a3-02b3-4f0a-865c-654403e70625': 'arm',
  'b921b045-1df0-41c3-af44-4c6f280d3fae': 'arm64',
  'b0e01050-ee5f-4390-949a-9101b17104e9': 'arm64',
  '72ec70a6-cf74-40e6-bd49-4bda08e8f224': 'riscv64',
  'beaec34b-8442-439b-a40b-984381ed097d': 'riscv64',
  '60d5a7fe-8e7d-435c-b714-3dd8162144e1': 'riscv32',
  'b933fb22-5c3f-4f91-af90-e2bb0fa50702': 'riscv32',
  'c31c45e6-3f39-412e-80fb-4809c4980599': 'ppc64le',
  '15bb03af-77e7-4d4a-b12b-c0d084f7491c': 'ppc64le',
  '912ade1d-a839-4913-8964-a10eee08fbd2': 'ppc64',
  '2c9739e2-f068-46b3-9fd0-01c5a9afbcca': 'ppc64',
  '5eead9a9-fe09-4a1e-a1d7-520d00531306': 's390x',
  '8a4f5770-50aa-4ed3-874a-99b710db6fea': 's390x',
  '77055800-792c-4f94-b39a-98c91b762bb6': 'loongarch64',
  'e611c702-575c-4cbe-9a46-434fa0bf7e3f': 'loongarch64',
  '700bda43-7a34-4507-b179-eeb93d7a7ca3': 'mips64el',
  'c97c1f32-ba06-40b4-9f22-236061b08aa8': 'mips64el',
  '993d8d3d-f80e-4225-855a-9daf8ed7ea97': 'ia64',
  '4301d2a6-4e3b-4b2a-bb94-9e0b2c4225ea': 'ia64',
}

/** Recognises a raw disk with a GUID partition table. */
export const gpt: Inspector = {
  name: 'gpt',
  kind: 'contents',
  title: 'a disk with a GPT',
  async inspect(source) {
    for (const sector of SECTORS) {
      const table = await readTable(source, sector, 1n)
      if (table === undefined) continue
      const damage = table.damage && { ...damaged(table.damage), ...(await repairFrom(source, sector, table.damage)) }
      return { at: sector, ...(damage ?? (await findingOf(source, table, sector))) }
    }
    return lostHeader(source)
  },
}

/** Returns whether a disk has the signature of a GPT in place, or an intact backup GPT at its end. */
export async function hasGpt(source: Source): Promise<boolean> {
  for (const sector of SECTORS) if (await hasBytes(source, sector, MAGIC)) return true
  return (await lostHeader(source)) !== undefined
}

interface Table {
  /** Sector of the backup header. */
  backup: bigint
  /** Offset of the entries in bytes. */
  entriesAt: bigint
  entriesLength: number
  partitions: Partition[]
  /** Why the table cannot be used; the other fields are invalid then. */
  damage?: string
}

/**
 * Reads the table with its header in a sector. Returns undefined if there is no header.
 *
 * @param sector bytes of a sector.
 * @param number of the sector.
 */
async function readTable(source: Source, sector: number, number: bigint): Promise<Table | undefined> {
  const header = await source.read(Number(number) * sector, 512)
  if (header.length < 92 || header.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined
  const length = header.readUInt32LE(12)
  const isHeader = header.readUInt32LE(8) === REVISION && header.readBigUInt64LE(24) === number
  if (!isHeader || length < 92 || length > header.length) return undefined

  const claimed = header.readUInt32LE(16)
  const checked = Buffer.from(header.subarray(0, length))
  checked.writeUInt32LE(0, 16)
  const count = header.readUInt32LE(80)
  const entryLength = header.readUInt32LE(84)
  const table: Table = {
    backup: header.readBigUInt64LE(32),
    entriesAt: header.readBigUInt64LE(72) * BigInt(sector),
    entriesLength: count * entryLength,
    partitions: [],
  }
  if (crc32(checked) !== claimed) return { ...table, damage: 'the checksum of its GPT header is wrong' }
  if (!isPowerOfTwo(entryLength, 128, 4096)) return { ...table, damage: `its GPT has entries of ${entryLength} bytes` }
  const entries = await source.read(Number(table.entriesAt), Math.min(table.entriesLength, ENTRIES_LIMIT))
  if (table.entriesLength <= ENTRIES_LIMIT && entries.length === table.entriesLength) {
    if (crc32(entries) !== header.readUInt32LE(88))
      return { ...table, damage: 'the checksum of its GPT entries is wrong' }
  }
  return { ...table, partitions: partitionsIn(entries, entryLength, sector) }
}

/** Returns the finding for a disk with an intact GPT. */
async function findingOf(source: Source, table: Table, sector: number): Promise<Finding> {
  const { partitions } = table
  const needed = largest(
    exact(table.entriesAt + BigInt(table.entriesLength)),
    exact((table.backup + 1n) * BigInt(sector)),
    ...partitions.map(({ end }) => end),
  )
  // A disk with partitions for several architectures has none of its own.
  const arches = new Set(partitions.flatMap(({ type }) => ARCHES[type] ?? []))
  const encryption = await encryptionIn(
    source,
    partitions.map(({ at }) => at),
  )
  const finding: Finding = { ...encryption, ...(arches.size === 1 && { arch: [...arches][0] as string }) }
  if (needed <= source.size) {
    const hasBackup = await hasBackupAt(source, Number(table.backup) * sector)
    return { ...finding, end: needed, warnings: hasBackup ? [] : ['has no backup GPT where its header says'] }
  }
  // A hybrid ISO image may have lost its padding: the volume and the partitions after it are complete.
  const volumeEnd = await endOfIso9660(source)
  const isHybrid = volumeEnd > 0 && partitions.every(({ at, end }) => at < volumeEnd || end <= source.size)
  if (isHybrid) return { ...finding, warnings: [shorterThanClaimed(needed, source.size)] }
  return { ...finding, end: needed, endsWithPartitions: true }
}

/** Returns whether the backup header is there. Assumes so if these bytes of a packed disk were not kept. */
async function hasBackupAt(source: Source, at: number): Promise<boolean> {
  try {
    return await hasBytes(source, at, MAGIC)
  } catch (error) {
    if (error instanceof NotKept) return true
    throw error
  }
}

/** Returns the refusal of a disk that lost its GPT header: it has a protective MBR, and only the backup GPT at its end. */
async function lostHeader(source: Source): Promise<Finding | undefined> {
  const types = [0, 1, 2, 3].map((number) => PARTITION_TYPE + number * 16)
  const sector = await source.read(0, 512)
  if (sector.length < 512 || sector.readUInt16BE(510) !== 0x55aa || !types.some((at) => sector[at] === PROTECTIVE))
    return undefined
  for (const length of SECTORS) {
    const found = await repairFrom(source, length, 'its GPT header is missing')
    if (found !== undefined) return { at: length, ...found }
  }
  return undefined
}

/** Returns the refusal of a damaged GPT with an intact backup in the last sector, or undefined if there is no such backup. */
async function repairFrom(source: Source, sector: number, damage: string): Promise<Finding | undefined> {
  const last = BigInt(Math.floor(source.size / sector)) - 1n
  if (last < 2n) return undefined
  try {
    const table = await readTable(source, sector, last)
    if (table === undefined || table.damage !== undefined) return undefined
  } catch (error) {
    if (error instanceof NotKept) return undefined
    throw error
  }
  const why = `is damaged: ${damage}; the backup GPT at its end is intact`
  return { refusals: [{ why, hint: `Repair it from the backup: sgdisk -e ${FILE} (or gdisk ${FILE}, then w)` }] }
}

interface Partition {
  type: string
  /** Offset of the first byte. */
  at: number | bigint
  /** Offset after the last byte. */
  end: number | bigint
}

/** Returns the partitions: the entries that are in use. */
function partitionsIn(entries: Buffer, entryLength: number, sector: number): Partition[] {
  const partitions: Partition[] = []
  for (let start = 0; start + entryLength <= entries.length; start += entryLength) {
    const type = guidAt(entries, start)
    if (type === UNUSED) continue
    const first = entries.readBigUInt64LE(start + 32)
    const last = entries.readBigUInt64LE(start + 40)
    partitions.push({
      type,
      at: exact(first * BigInt(sector)),
      end: exact((last + 1n) * BigInt(sector)),
    })
  }
  return partitions
}

function damaged(why: string): Finding {
  return { refusals: [{ why: `is damaged: ${why}`, hint: FETCH_AGAIN }] }
}

/** Formats a GUID: its first three numbers are little-endian, the rest is in written order (UEFI, appendix A). */
function guidAt(bytes: Buffer, at: number): string {
  const hex = (start: number, end: number) => bytes.subarray(at + start, at + end).toString('hex')
  const reversed = (start: number, end: number) =>
    Buffer.from(bytes.subarray(at + start, at + end))
      .reverse()
      .toString('hex')
  return [reversed(0, 4), reversed(4, 6), reversed(6, 8), hex(8, 10), hex(10, 16)].join('-')
}
