import { bytesOf } from '../tree/guest-path.ts'
import { CommandFailed, type Guestfish } from './guestfish.ts'

/** A filesystem, or what else a partition or logical volume holds. */
export interface Volume {
  /** Name in the virtual machine, such as /dev/sda1 or /dev/vg/root. */
  device: string
  /** As blkid(8) names it, such as ext4, LVM2_member or crypto_LUKS; empty if unknown. */
  type: string
  uuid?: string
  label?: string
  partUuid?: string
  partLabel?: string
}

/** Volumes that are looked at; a disk with more is not a system's. */
const MOST_VOLUMES = 64
/** The virtual machine has one disk. */
export const DISK = '/dev/sda'
/** Bytes of boot code in the first sector: what follows is the disk signature and the partition table. */
const BOOT_CODE = 440
/** Type of an EFI system partition: in an MBR, and in a GPT. */
const EFI_TYPES = ['0xef', 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b']

/** Returns the partitions and logical volumes of the disk, or the disk itself if it has none. */
export async function volumesOf(guestfish: Guestfish): Promise<Volume[]> {
  const partitions = await linesOf(guestfish, 'list-partitions')
  const devices = [...(partitions.length > 0 ? partitions : [DISK]), ...(await linesOf(guestfish, 'lvs'))]
  const volumes: Volume[] = []
  for (const device of devices.slice(0, MOST_VOLUMES)) volumes.push(await volumeOf(guestfish, device))
  return volumes
}

async function volumeOf(guestfish: Guestfish, device: string): Promise<Volume> {
  const tags = new Map<string, string>()
  for (const line of await linesOf(guestfish, 'blkid', device)) {
    const [, name, value] = /^(\w+): (.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined) tags.set(name, value)
  }
  const tag = (key: keyof Volume, name: string) => {
    const value = tags.get(name)
    return value === undefined ? {} : { [key]: value }
  }
  return {
    device,
    type: tags.get('TYPE') ?? '',
    ...tag('uuid', 'UUID'),
    ...tag('label', 'LABEL'),
    ...tag('partUuid', 'PART_ENTRY_UUID'),
    ...tag('partLabel', 'PART_ENTRY_NAME'),
  }
}

/** Returns true if the first sector of the disk has boot code. */
export async function hasBootCode(guestfish: Guestfish): Promise<boolean> {
  const sector = bytesOf(await guestfish.run('pread-device', DISK, '512', '0'))
  const isSigned = sector[510] === 0x55 && sector[511] === 0xaa
  return isSigned && sector.subarray(0, BOOT_CODE).some((byte) => byte !== 0)
}

/** Returns the EFI system partitions. */
export async function efiPartitions(guestfish: Guestfish, volumes: readonly Volume[]): Promise<Volume[]> {
  const found: Volume[] = []
  for (const volume of volumes) {
    const number = partitionNumber(volume.device)
    if (volume.type !== 'vfat' || number === undefined) continue
    const types = [
      ...(await linesOf(guestfish, 'part-get-mbr-id', DISK, number)),
      ...(await linesOf(guestfish, 'part-get-gpt-type', DISK, number)),
    ]
    if (types.some((type) => EFI_TYPES.includes(type.toLowerCase()))) found.push(volume)
  }
  return found
}

/** Returns true if no partition lies behind that of a device; undefined if the device is not a partition. */
export async function isLastPartition(guestfish: Guestfish, device: string): Promise<boolean | undefined> {
  const own = partitionNumber(device)
  if (own === undefined) return device === DISK ? true : undefined
  const starts = new Map<string, number>()
  let number = ''
  for (const line of await linesOf(guestfish, 'part-list', DISK)) {
    const [, name, value] = /^\s*(part_\w+): (\d+)$/.exec(line) ?? []
    if (name === 'part_num') number = value as string
    if (name === 'part_start') starts.set(number, Number(value))
  }
  const start = starts.get(own)
  return start === undefined ? undefined : [...starts.values()].every((each) => each <= start)
}

function partitionNumber(device: string): string | undefined {
  return /^\/dev\/sda(\d+)$/.exec(device)?.[1]
}

/** Returns the lines that a command prints; none if it fails. */
async function linesOf(guestfish: Guestfish, ...command: [string, ...string[]]): Promise<string[]> {
  try {
    return (await guestfish.run(...command)).split('\n').filter((line) => line !== '')
  } catch (error) {
    if (error instanceof CommandFailed) return []
    throw error
  }
}
