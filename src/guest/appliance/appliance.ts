import { access, constants, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import type { Cancellation, Watcher } from '../../disk/watcher.ts'
import type { GuestDisk } from '../guest.ts'
import type { Edit } from '../prepare/edit.ts'
import type { GuestSource } from '../run-checks.ts'
import { EMPTY_TREE } from '../tree/empty-tree.ts'
import { GuestFiles } from '../tree/guest-files.ts'
import { shown } from '../tree/guest-path.ts'
import { ApplianceTree } from './appliance-tree.ts'
import { efiPartitions, hasBootCode, isLastPartition, type Volume, volumesOf } from './disk-facts.ts'
import { CommandFailed, Guestfish } from './guestfish.ts'
import { doesKvmWork } from './kvm.ts'
import { findRoots, mountGuest } from './mount-guest.ts'
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
   * Changes files of the guest, and returns when all is on the disk. What is deleted is discarded, so that it
   * cannot be found on the disk.
   *
   * @throws VdcError FILE_NOT_WRITTEN, for example if a filesystem is full or damaged.
   */
  edit(edits: readonly Edit[]): Promise<void>
}

/** How the virtual machine runs: with KVM, emulated, or whichever works. */
export const ACCELERATIONS = ['auto', 'kvm', 'tcg'] as const
/** One of ACCELERATIONS. */
export type Acceleration = (typeof ACCELERATIONS)[number]

/** Seconds that the virtual machine may take to start; emulated on a busy host it takes more than a minute. */
const START_LIMIT = 300
/** Seconds that it may run. */
const RUN_LIMIT = 900
/** A new disk that is worthless if the host crashes, and on which deleted data must not stay. */
const WRITABLE = ['cachemode:unsafe', 'discard:besteffort']
/** MiB of memory of the virtual machine. */
const MEMORY = 768
/** Where libguestfs keeps its appliance, by default: 370 MB per user. */
const CACHE = '/var/tmp'
/** The variables that tell libguestfs where its appliance and its kernel are. */
const PASSED_ON = ['PATH', 'LIBGUESTFS_PATH', 'SUPERMIN_KERNEL', 'SUPERMIN_MODULES']
const INSTALL =
  'Install it with: apt-get install --no-install-recommends libguestfs-tools qemu-system-x86 linux-image-cloud-amd64'

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
  const { cancellation } = watcher
  return withFolder(async (folder) => {
    const isEmulated = acceleration === 'tcg' || (acceleration === 'auto' && !(await doesKvmWork(folder, cancellation)))
    const limit = AbortSignal.timeout(RUN_LIMIT * 1000)
    const signal = AbortSignal.any([cancellation.signal, limit])
    const guestfish = await Guestfish.start({ folder, env: environment(folder, isEmulated), signal })
    try {
      await during(watcher, 'Starting a virtual machine', () => launch(guestfish, image, cancellation))
      return await during(watcher, 'Looking inside', async () => {
        const result = await work(await applianceOf(guestfish))
        // Without it, the last bytes may still be in QEMU.
        if (image.isWritable) await guestfish.run('shutdown')
        return result
      })
    } finally {
      await guestfish.close()
      cancellation.throwIfRequested()
    }
  })
}

/** Shows work that takes long. */
async function during<T>({ progress }: Watcher, title: string, work: () => Promise<T>): Promise<T> {
  const task = progress.begin(title, undefined)
  try {
    return await work()
  } finally {
    task.end()
  }
}

async function launch(
  guestfish: Guestfish,
  { fd, format, isWritable }: GuestImage,
  cancellation: Cancellation,
): Promise<void> {
  const timer = setTimeout(() => guestfish.kill(), START_LIMIT * 1000)
  try {
    await guestfish.run('set-memsize', String(MEMORY))
    // Of this process, because guestfish passes no descriptors on to QEMU.
    const access = isWritable ? WRITABLE : ['readonly:true']
    await guestfish.run('add-drive', `/proc/${process.pid}/fd/${fd}`, `format:${format}`, ...access)
    await guestfish.run('launch')
  } catch (error) {
    cancellation.throwIfRequested()
    throw error instanceof CommandFailed ? await notLaunched(error) : error
  } finally {
    clearTimeout(timer)
  }
}

async function applianceOf(guestfish: Guestfish): Promise<Appliance> {
  const volumes = await volumesOf(guestfish)
  const roots = await findRoots(guestfish, volumes)
  const [root] = roots
  const disk: GuestDisk = {
    hasBootCode: await hasBootCode(guestfish),
    hasEfiLoader: await hasEfiLoader(guestfish, efiPartitions(volumes)),
    isRootLast: root && isLastPartition(volumes, root.volume.device),
    roots: roots.map(({ volume, subvolume }) =>
      shown(volume.device + (subvolume === undefined ? '' : `/${subvolume}`)),
    ),
    encrypted: volumes.filter(({ type }) => /crypt|luks/i.test(type)).map(({ device }) => shown(device)),
    filesystems: volumes,
  }
  return {
    async look() {
      if (root === undefined) return { tree: EMPTY_TREE, disk }
      // A root that was found and cannot be mounted now is damaged; then no file can be read.
      await mountGuest(guestfish, root, volumes, 'ro')
      return { tree: new ApplianceTree(guestfish), disk }
    },
    async edit(edits) {
      if (root === undefined) throw new Error('there is no system to change')
      await mountGuest(guestfish, root, volumes, 'rw')
      await writeEdits(guestfish, edits)
    },
  }
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

/** Returns the error if the virtual machine did not start, with its probable reason. */
async function notLaunched(cause: CommandFailed): Promise<VdcError> {
  const fail = (why: string, hint: string) =>
    new VdcError('APPLIANCE_FAILED', `libguestfs, which looks into images, ${why}`, { hint, cause })
  if (!(await isInPath('guestfish'))) return fail('is not installed', INSTALL)
  if (!(await isInPath('qemu-system-x86_64'))) return fail('needs QEMU, which is not installed', INSTALL)
  const kernels = (await readdir('/boot').catch(() => [])).filter((name) => name.startsWith('vmlinuz-'))
  if (process.env.SUPERMIN_KERNEL === undefined && process.env.LIBGUESTFS_PATH === undefined) {
    if (kernels.length === 0) return fail('needs a kernel, and /boot has none', INSTALL)
    const kernel = `/boot/${kernels[0]}`
    if (!(await isReadable(kernel)))
      return fail(
        `needs a kernel that it may read, and ${kernel} is readable only by root`,
        `Run: sudo dpkg-statoverride --update --add root root 0644 ${kernel}`,
      )
  }
  return fail(`cannot be run: ${shown(cause.message)}`, 'Find out why with: libguestfs-test-tool')
}

async function isInPath(program: string): Promise<boolean> {
  for (const folder of (process.env.PATH ?? '').split(':'))
    if (
      folder.startsWith('/') &&
      (await access(join(folder, program), constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return true
  return false
}

function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  )
}

function environment(folder: string, isEmulated: boolean): Record<string, string> {
  const passed = PASSED_ON.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries(passed),
    LC_ALL: 'C',
    // Without settings of this user's home.
    HOME: folder,
    TMPDIR: folder,
    // Otherwise in TMPDIR, so that each run would build the appliance anew.
    LIBGUESTFS_CACHEDIR: process.env.LIBGUESTFS_CACHEDIR || CACHE,
    LIBGUESTFS_BACKEND: 'direct',
    ...(isEmulated && { LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' }),
  }
}

/** The start of the names of our folders in the folder for temporary files. What follows is the process ID. */
const PREFIX = 'vdc-manage-guest-'

/** Runs `work` with a temporary folder, and removes it and those of killed processes. */
async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(/^vdc-manage-guest-(\d+)-\w+$/.exec(name)?.[1])
    // Those of other users cannot be removed.
    if (pid > 0 && !isAlive(pid)) await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {})
  }
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
