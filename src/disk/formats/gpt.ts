import type { Finding, Inspector } from '../inspector.ts'
import { NotKept, type Source } from '../source.ts'
import { crc32 } from './crc32.ts'
import { endOfIso9660 } from './iso9660.ts'
import { hasBytes, isPowerOfTwo, shorterThanClaimed } from './shared.ts'

/*
 * UEFI Specification, section 5.3 "GUID Partition Table (GPT) Disk Layout":
 * https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
 * Numbers are little-endian; sectors have 512 or 4096 bytes.
 */

const MAGIC = 'EFI PART'
const SECTORS = [512, 4096]
const REVISION = 0x00010000
const UNUSED = '00000000-0000-0000-0000-000000000000'
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

/** A raw disk with a GUID partition table. */
export const gpt: Inspector = {
  name: 'gpt',
  kind: 'contents',
  title: 'a disk with a GPT',
  async inspect(source) {
    for (const sector of SECTORS) {
      if (!(await hasBytes(source, sector, MAGIC))) continue
      const finding = await inspectHeader(source, sector)
      if (finding !== undefined) return { at: sector, ...finding }
    }
    return undefined
  },
}

/** Says whether there is the signature of a GPT where its header must be. */
export async function hasGpt(source: Source): Promise<boolean> {
  return (await hasBytes(source, 512, MAGIC)) || (await hasBytes(source, 4096, MAGIC))
}

async function inspectHeader(source: Source, sector: number): Promise<Finding | undefined> {
  const header = await source.read(sector, 512)
  if (header.length < 92) return undefined
  const length = header.readUInt32LE(12)
  const isHeader = header.readUInt32LE(8) === REVISION && header.readBigUInt64LE(24) === 1n
  if (!isHeader || length < 92 || length > header.length) return undefined

  const claimed = header.readUInt32LE(16)
  const checked = Buffer.from(header.subarray(0, length))
  checked.writeUInt32LE(0, 16)
  if (crc32(checked) !== claimed) return damaged('the checksum of its GPT header is wrong')

  const backup = Number(header.readBigUInt64LE(32))
  const count = header.readUInt32LE(80)
  const entryLength = header.readUInt32LE(84)
  if (!isPowerOfTwo(entryLength, 128, 4096)) return damaged(`its GPT has entries of ${entryLength} bytes`)
  const entriesLength = count * entryLength
  const entriesAt = Number(header.readBigUInt64LE(72)) * sector
  const entries = await source.read(entriesAt, Math.min(entriesLength, ENTRIES_LIMIT))
  if (entriesLength <= ENTRIES_LIMIT && entries.length === entriesLength) {
    if (crc32(entries) !== header.readUInt32LE(88)) return damaged('the checksum of its GPT entries is wrong')
  }

  const partitions = partitionsIn(entries, entryLength, sector)
  const needed = Math.max(entriesAt + entriesLength, (backup + 1) * sector, ...partitions.map(({ end }) => end))
  // Partitions of several architectures: a disk for whichever machine it meets.
  const arches = new Set(partitions.flatMap(({ type }) => ARCHES[type] ?? []))
  const finding: Finding = arches.size === 1 ? { arch: [...arches][0] as string } : {}
  if (needed <= source.size) {
    const hasBackup = await hasBackupAt(source, backup * sector)
    return { ...finding, end: needed, warnings: hasBackup ? [] : ['has no backup of its GPT where its header says'] }
  }
  // Where a hybrid ISO image lost its padding, the volume and what lies behind it are still there.
  const volumeEnd = await endOfIso9660(source)
  const isHybrid = volumeEnd > 0 && partitions.every(({ at, end }) => at < volumeEnd || end <= source.size)
  return isHybrid ? { ...finding, warnings: [shorterThanClaimed(needed, source.size)] } : { ...finding, end: needed }
}

/** Says whether the backup of the header is there; of a packed disk that was enlarged nobody can tell. */
async function hasBackupAt(source: Source, at: number): Promise<boolean> {
  try {
    return await hasBytes(source, at, MAGIC)
  } catch (error) {
    if (error instanceof NotKept) return true
    throw error
  }
}

interface Partition {
  type: string
  /** First byte, and the one behind the last. */
  at: number
  end: number
}

/** The entries that are in use. */
function partitionsIn(entries: Buffer, entryLength: number, sector: number): Partition[] {
  const partitions: Partition[] = []
  for (let start = 0; start + entryLength <= entries.length; start += entryLength) {
    const type = guidAt(entries, start)
    if (type === UNUSED) continue
    const [first, last] = [entries.readBigUInt64LE(start + 32), entries.readBigUInt64LE(start + 40)]
    partitions.push({ type, at: Number(first) * sector, end: (Number(last) + 1) * sector })
  }
  return partitions
}

function damaged(why: string): Finding {
  return { refusals: [{ why: `is damaged: ${why}` }] }
}

/** A GUID: its first three numbers are little-endian, the rest is as it is written (UEFI, appendix A). */
function guidAt(bytes: Buffer, at: number): string {
  const hex = (start: number, end: number) => bytes.subarray(at + start, at + end).toString('hex')
  const turned = (start: number, end: number) =>
    Buffer.from(bytes.subarray(at + start, at + end))
      .reverse()
      .toString('hex')
  return [turned(0, 4), turned(4, 6), turned(6, 8), hex(8, 10), hex(10, 16)].join('-')
}
