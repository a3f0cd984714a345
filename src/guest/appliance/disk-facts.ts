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
  /** Its entry in the partition table; undefined if it is no partition. */
  entry?: PartitionEntry
}

/** An entry of a partition table. */
interface PartitionEntry {
  /** Such as 0xef in an MBR, or a UUID in a GPT. */
  type: string
  /** The first sector. */
  start: number
}

/** Partitions of a GPT as it is usually made, and logical volumes. */
const MOST_VOLUMES = 128
/** The virtual machine has one disk. */
const DISK = '/dev/sda'
/** Bytes of boot code in the first sector: what follows is the disk signature and the partition table. */
const BOOT_CODE = 440
/** Type of an EFI system partition: in an MBR, and in a GPT. */
const EFI_TYPES = ['0xef', 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b']

/**
 * Returns the partitions and logical volumes of the disk, or the disk itself if it has none.
 *
 * @throws CommandFailed if there are too many.
 */
export async function volumesOf(guestfish: Guestfish): Promise<Volume[]> {
  const partitions = await linesOf(guestfish, 'list-partitions')
  const volumes = await volumesNamed(guestfish, partitions.length > 0 ? partitions : [DISK])
  // Emulated, `lvs` takes a second.
  if (!volumes.some(({ type }) => type === 'LVM2_member')) return volumes
  return [...volumes, ...(await volumesNamed(guestfish, await linesOf(guestfish, 'lvs')))]
}

async function volumesNamed(guestfish: Guestfish, devices: readonly string[]): Promise<Volume[]> {
  if (devices.length > MOST_VOLUMES) throw new CommandFailed(`the disk has more than ${MOST_VOLUMES} volumes`)
  const volumes: Volume[] = []
  for (const device of devices) volumes.push(await volumeOf(guestfish, device))
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
  const [type, start] = [tags.get('PART_ENTRY_TYPE'), Number(tags.get('PART_ENTRY_OFFSET') ?? Number.NaN)]
  return {
    device,
    type: tags.get('TYPE') ?? '',
    ...tag('uuid', 'UUID'),
    ...tag('label', 'LABEL'),
    ...tag('partUuid', 'PART_ENTRY_UUID'),
    ...tag('partLabel', 'PART_ENTRY_NAME'),
    ...(type !== undefined && Number.isSafeInteger(start) && { entry: { type: type.toLowerCase(), start } }),
  }
}

/** Returns true if the first sector of the disk has boot code. */
export async function hasBootCode(guestfish: Guestfish): Promise<boolean> {
  const sector = bytesOf(await guestfish.run('pread-device', DISK, '512', '0'))
  const isSigned = sector[510] === 0x55 && sector[511] === 0xaa
  return isSigned && sector.subarray(0, BOOT_CODE).some((byte) => byte !== 0)
}

/** Returns the EFI system partitions. */
export function efiPartitions(volumes: readonly Volume[]): Volume[] {
  return volumes.filter(({ type, entry }) => type === 'vfat' && entry !== undefined && EFI_TYPES.includes(entry.type))
}

/** Returns true if no partition lies behind that of a device; undefined if that is unknown, as with LVM. */
export function isLastPartition(volumes: readonly Volume[], device: string): boolean | undefined {
  if (device === DISK) return true
  const start = volumes.find((volume) => volume.device === device)?.entry?.start
  const others = volumes.filter(isPartition).map(({ entry }) => entry?.start)
  if (start === undefined || others.includes(undefined)) return undefined
  return others.every((other) => (other as number) <= start)
}

function isPartition({ device }: Volume): boolean {
  return /^\/dev\/sda\d+$/.test(device)
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
