import { fstabIn } from '../parsers/fstab.ts'
import { hasLinux, hasWindows } from '../system.ts'
import { GuestFiles } from '../tree/guest-files.ts'
import type { GuestPath } from '../tree/guest-path.ts'
import { Undecided } from '../tree/undecided.ts'
import { ApplianceTree } from './appliance-tree.ts'
import type { Volume } from './disk-facts.ts'
import { CommandFailed, type Guestfish } from './guestfish.ts'

/** Filesystems that can hold a system. */
const OF_SYSTEMS = /^(?:ext[234]|xfs|btrfs|reiserfs|jfs|f2fs|ntfs|ufs)$/
/** Filesystems that are also mounted if fstab says so. */
const MOUNTABLE = /^(?:ext[234]|xfs|btrfs|reiserfs|jfs|f2fs|vfat)$/
/** Names that installers give to the btrfs subvolume of the root: openSUSE and Ubuntu, Debian, Fedora. */
const ROOT_SUBVOLUMES = ['@', '@rootfs', 'root']
const MOST_MOUNTS = 32

/** A root filesystem. */
export interface Root {
  volume: Volume
  /** A btrfs subvolume; undefined for the default one. */
  subvolume: string | undefined
}

/**
 * Finds the filesystems that hold an operating system. Nothing is mounted afterwards.
 *
 * @throws CommandFailed if none was found, and a filesystem that may hold one cannot be read.
 */
export async function findRoots(guestfish: Guestfish, volumes: readonly Volume[]): Promise<Root[]> {
  const roots: Root[] = []
  const problems: string[] = []
  for (const volume of volumes) {
    if (!OF_SYSTEMS.test(volume.type)) continue
    for (const subvolume of [undefined, ...(volume.type === 'btrfs' ? ROOT_SUBVOLUMES : [])]) {
      const root = { volume, subvolume }
      const isRoot = await holdsSystem(guestfish, root).catch((error: unknown) => {
        // Only some guests have these subvolumes.
        if (subvolume === undefined) problems.push(problemWith(volume, error))
        return false
      })
      if (!isRoot) continue
      roots.push(root)
      break
    }
  }
  if (roots.length === 0 && problems.length > 0) throw new CommandFailed(problems.join('; '))
  return roots
}

async function holdsSystem(guestfish: Guestfish, root: Root): Promise<boolean> {
  await requireMounted(guestfish, root.volume, '/', optionOf(root), 'ro')
  try {
    const files = new GuestFiles(new ApplianceTree(guestfish))
    return (await hasLinux(files, '/')) || (await hasWindows(files))
  } finally {
    await guestfish.run('umount-all')
  }
}

function problemWith({ device, type }: Volume, error: unknown): string {
  const reason = reasonOf(error)
  if (/unknown filesystem type/.test(reason)) {
    const hint = type === 'xfs' ? '; install libguestfs-xfs' : ''
    return `libguestfs cannot read ${type} on ${device}${hint}`
  }
  // What mount(8) prints is as long as vague.
  return `${device} (${type}) cannot be read: ${/^mount/.test(reason) ? 'it may be damaged' : reason}`
}

/** Returns the message of an error that a guest or its virtual machine causes. Throws any other error. */
export function reasonOf(error: unknown): string {
  if (error instanceof CommandFailed || error instanceof Undecided) return error.message
  throw error
}

/**
 * Mounts a root filesystem and what its fstab mounts below.
 *
 * @returns why filesystems of the disk could not be mounted, by the places where they belong.
 * @throws CommandFailed if the root cannot be mounted.
 */
export async function mountGuest(
  guestfish: Guestfish,
  root: Root,
  volumes: readonly Volume[],
  access: 'ro' | 'rw',
): Promise<Map<GuestPath, string>> {
  const problems = new Map<GuestPath, string>()
  await guestfish.run('umount-all')
  await requireMounted(guestfish, root.volume, '/', optionOf(root), access)
  const files = new GuestFiles(new ApplianceTree(guestfish))
  const fstab = fstabIn((await files.text('/etc/fstab').catch(() => undefined)) ?? '')
  const below = fstab.filter(({ mountPoint }) => /^\/[^/]/.test(mountPoint)).slice(0, MOST_MOUNTS)
  below.sort((one, other) => one.mountPoint.split('/').length - other.mountPoint.split('/').length)
  const mounted = new Set([mountedAs(root.volume, optionOf(root))])
  for (const { device, mountPoint, options } of below) {
    const volume = volumes.find((each) => isNamed(each, device))
    if (volume === undefined || !MOUNTABLE.test(volume.type)) continue
    const subvolume = options.find((option) => /^subvol(?:id)?=/.test(option))
    // A file that had two paths would be taken for two files. Removing it at one of them would remove both.
    const mount = mountedAs(volume, subvolume)
    if (mounted.has(mount)) continue
    // Links in the path lead elsewhere in the guest.
    const place = await files.find(mountPoint).catch(() => undefined)
    if (place?.stat.kind !== 'folder' || place.path === '/') continue
    mounted.add(mount)
    await requireMounted(guestfish, volume, place.path, subvolume, access).catch((error: unknown) => {
      problems.set(place.path, problemWith(volume, error))
    })
  }
  return problems
}

function optionOf({ subvolume }: Root): string | undefined {
  return subvolume && `subvol=${subvolume}`
}

function mountedAs({ device }: Volume, subvolume: string | undefined): string {
  return `${device} ${subvolume?.replace(/^subvol=\//, 'subvol=')}`
}

/** @param subvolume as an option of mount(8). */
async function requireMounted(
  guestfish: Guestfish,
  { device }: Volume,
  place: string,
  subvolume: string | undefined,
  access: 'ro' | 'rw',
): Promise<void> {
  if (subvolume !== undefined && !/^subvol=[\w@./-]+$|^subvolid=\d+$/.test(subvolume))
    throw new CommandFailed(`the option ${subvolume} is unusual`)
  const options = subvolume === undefined ? access : `${access},${subvolume}`
  await guestfish.run('mount-options', options, device, place)
}

/** Returns true if a device in fstab(5) is a volume. Disks are called sdX, vdX, hdX and so on, by their drivers. */
function isNamed({ device, uuid, label, partUuid, partLabel }: Volume, name: string): boolean {
  const [, key, value = ''] = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/.exec(name) ?? []
  if (key === 'UUID') return uuid?.toLowerCase() === value.toLowerCase()
  if (key === 'LABEL') return label === value
  if (key === 'PARTUUID') return partUuid?.toLowerCase() === value.toLowerCase()
  if (key === 'PARTLABEL') return partLabel === value
  const [, by, tag] = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.+)$/.exec(name) ?? []
  if (by !== undefined)
    return isNamed({ device, type: '', ...strip({ uuid, label, partUuid, partLabel }) }, `${by.toUpperCase()}=${tag}`)
  const mapped = /^\/dev\/mapper\/(.+)$/.exec(name)?.[1]
  // device-mapper doubles the hyphens of names: vg--a-root is root in vg-a.
  if (mapped !== undefined) return device === `/dev/${mapped.replace(/(?<!-)-(?!-)/, '/').replaceAll('--', '-')}`
  return device === name || device === name.replace(/^\/dev\/(?:[hsv]|xv)da(?=\d|$)/, '/dev/sda')
}

function strip<T extends object>(tags: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
