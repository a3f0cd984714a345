import { VdcError } from '../../core/errors.ts'
import type { Watcher } from '../../disk/watcher.ts'
import type { GuestDisk } from '../guest.ts'
import type { Edit } from '../prepare/edit.ts'
import type { GuestSource } from '../run-checks.ts'
import { EMPTY_TREE, unreadableTree } from '../tree/empty-tree.ts'
import { GuestFiles } from '../tree/guest-files.ts'
import { shown } from '../tree/guest-path.ts'
import { ApplianceTree } from './appliance-tree.ts'
import { efiPartitions, hasBootCode, isLastPartition, type Volume, volumesOf } from './disk-facts.ts'
import type { Guestfish } from './guestfish.ts'
import { findRoots, mountGuest, type Root, reasonOf } from './mount-guest.ts'
import { type Acceleration, withSession } from './session.ts'
import { writeEdits } from './write-edits.ts'

/** A disk whose guest is looked at. */
export interface GuestImage {
  /** An open descriptor of this process. */
  fd: number
  /** As qemu names it. */
  format: string
  /** Whether the disk may be changed. */
  isWritable: boolean
}

/** A running virtual machine that has the disk of a guest. */
export interface Appliance {
  /** Mounts the guest read-only, and returns its files and what is known of the disk. */
  look(): Promise<GuestSource>
  /**
   * Changes files of the guest, and returns when all is on the disk. What is deleted is overwritten with
   * zeros, so that it cannot be found on the disk.
   *
   * @throws VdcError FILE_NOT_WRITTEN, for example if a filesystem is full or damaged.
   */
  edit(edits: readonly Edit[]): Promise<void>
  /**
   * Throws an error if the virtual machine has ended. What could not be read because of that is not what is
   * wrong with the guest.
   */
  requireRunning(): Promise<void>
}

/** A new disk that is worthless if the host crashes, and on which deleted data must not stay. */
const WRITABLE = ['cachemode:unsafe', 'discard:besteffort']

/**
 * Starts a virtual machine of libguestfs that has a disk, and runs `work`. A disk that is not writable is not
 * written to: what its filesystems would change goes to a temporary overlay. The host does not interpret
 * anything of the guest.
 *
 * @param acceleration `auto` finds out whether KVM works, which takes up to three seconds where it hangs.
 * @throws VdcError APPLIANCE_FAILED if libguestfs cannot run; the error of the cancellation; errors of `work`.
 */
export async function withAppliance<T>(
  image: GuestImage,
  acceleration: Acceleration,
  watcher: Watcher,
  work: (appliance: Appliance) => Promise<T>,
): Promise<T> {
  const { fd, format, isWritable } = image
  // Of this process, because guestfish passes no descriptors on to QEMU.
  const path = `/proc/${process.pid}/fd/${fd}`
  const drive = { path, options: [`format:${format}`, ...(isWritable ? WRITABLE : ['readonly:true'])], isWritable }
  return withSession(drive, acceleration, watcher, async (guestfish) => {
    const result = await work(await applianceOf(guestfish))
    // Without it, the last bytes may still be in QEMU.
    if (isWritable) await guestfish.run('shutdown')
    return result
  })
}

async function applianceOf(guestfish: Guestfish): Promise<Appliance> {
  const found = await findGuest(guestfish).catch(reasonOf)
  return {
    async look() {
      if (typeof found === 'string') return unreadable(found)
      const { root, volumes, disk } = found
      if (root === undefined) return { tree: EMPTY_TREE, disk }
      // A root that was found and cannot be mounted now is damaged.
      const problems = await mountGuest(guestfish, root, volumes, 'ro').catch(reasonOf)
      if (typeof problems === 'string') return unreadable(problems)
      return { tree: new ApplianceTree(guestfish, problems), disk }
    },
    async edit(edits) {
      if (typeof found === 'string' || found.root === undefined) throw new Error('there is no system to change')
      const problems = await mountGuest(guestfish, found.root, found.volumes, 'rw').catch(reasonOf)
      // What could be read of a filesystem that cannot be written to would be written in its place.
      const [problem] = typeof problems === 'string' ? [problems] : problems.values()
      if (problem !== undefined)
        throw new VdcError('FILE_NOT_WRITTEN', `The guest cannot be changed: ${shown(problem)}`, {
          hint: 'Repair its filesystems first, with fsck in the guest',
        })
      await writeEdits(guestfish, edits)
    },
    async requireRunning() {
      await guestfish.run('ping-daemon')
    },
  }
}

/** What is on a disk. */
interface FoundGuest {
  volumes: readonly Volume[]
  /** The first root filesystem; undefined if there is none. */
  root: Root | undefined
  disk: GuestDisk
}

/** @throws CommandFailed if the virtual machine ends meanwhile, or nothing can be read. */
async function findGuest(guestfish: Guestfish): Promise<FoundGuest> {
  const volumes = await volumesOf(guestfish)
  const roots = await findRoots(guestfish, volumes)
  const [root] = roots
  const disk = {
    hasBootCode: await hasBootCode(guestfish),
    hasEfiLoader: await hasEfiLoader(guestfish, efiPartitions(volumes)),
    isRootLast: root && isLastPartition(volumes, root.volume.device),
    roots: roots.map(({ volume, subvolume }) =>
      shown(volume.device + (subvolume === undefined ? '' : `/${subvolume}`)),
    ),
    encrypted: volumes.filter(({ type }) => /crypt|luks/i.test(type)).map(({ device }) => shown(device)),
    filesystems: volumes,
  }
  // A machine that has ended finds nothing, which must not look like a disk without a system.
  await guestfish.run('ping-daemon')
  return { volumes, root, disk }
}

function unreadable(reason: string): GuestSource {
  return { tree: unreadableTree(shown(reason)), disk: undefined }
}

/** Returns true if a file of an EFI system partition is a boot loader: /EFI/NAME/NAME.efi. */
async function hasEfiLoader(guestfish: Guestfish, partitions: readonly Volume[]): Promise<boolean> {
  for (const { device } of partitions) {
    try {
      await guestfish.run('mount-ro', device, '/')
      const files = new GuestFiles(new ApplianceTree(guestfish))
      for (const efi of await files.matching('/', /^efi$/i))
        for (const name of await files.names(efi))
          if ((await files.matching(`${efi}/${name}`, /\.efi$/i)).length > 0) return true
    } catch {
      // A damaged partition has no boot loader.
    } finally {
      await guestfish.run('umount-all').catch(() => {})
    }
  }
  return false
}
