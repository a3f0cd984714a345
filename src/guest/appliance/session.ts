import { VdcError } from '../../core/errors.ts'
import type { Cancellation, Watcher } from '../../disk/watcher.ts'
import { shown } from '../tree/guest-path.ts'
import { withGuestFolder } from './guest-folder.ts'
import { CommandFailed, Guestfish } from './guestfish.ts'
import { doesKvmWork } from './kvm.ts'
import { limitDownloads, MEMORY, type TimeLimits, timeLimits } from './limits.ts'
import { findRequirements } from './requirements.ts'

/** How the virtual machine runs: with KVM, emulated, or whichever works. */
export const ACCELERATIONS = ['auto', 'kvm', 'tcg'] as const
/** One of ACCELERATIONS. */
export type Acceleration = (typeof ACCELERATIONS)[number]

/** A disk of a virtual machine. */
export interface Drive {
  path: string
  /** Of libguestfs's `add-drive`, such as `readonly:true`. */
  options: readonly string[]
  /** Whether the disk may be changed. */
  isWritable: boolean
}

/** Where libguestfs keeps its appliance, by default: 370 MB per user. */
const CACHE = '/var/tmp'
/**
 * Settings of QEMU's disks: report it to the guest if the host has no space, instead of pausing the virtual machine; let
 * it discard the smallest blocks of a filesystem, too.
 */
const DISK_SETTINGS = ['scsi-hd.werror=report', 'scsi-hd.discard_granularity=512']
/** The variables that tell libguestfs where its appliance and its kernel are. */
const PASSED_ON = ['PATH', 'LIBGUESTFS_PATH', 'SUPERMIN_KERNEL', 'SUPERMIN_MODULES']

/**
 * Starts a virtual machine of libguestfs that has a disk, and runs `work`, within limits of time, memory and
 * disk space. The machine ends with `work`, and with this process.
 *
 * @param acceleration `auto` finds out whether KVM works, which takes up to three seconds where it hangs.
 * @throws VdcError APPLIANCE_FAILED if libguestfs cannot run, or ends before `work` does; the error of the
 *   cancellation; errors of `work`.
 */
export async function withSession<T>(
  drive: Drive,
  acceleration: Acceleration,
  watcher: Watcher,
  work: (guestfish: Guestfish, isEmulated: boolean) => Promise<T>,
): Promise<T> {
  const { cancellation } = watcher
  const limits = timeLimits(process.env)
  return withGuestFolder(async (folder) => {
    const isEmulated = acceleration === 'tcg' || (acceleration === 'auto' && !(await doesKvmWork(folder, cancellation)))
    const guestfish = await Guestfish.start({
      ...{ folder, env: environment(folder, isEmulated), isWritable: drive.isWritable },
      signal: cancellation.signal,
    })
    const timer = setTimeout(() => guestfish.kill(tooLong(limits.run)), limits.run * 1000)
    try {
      await during(watcher, 'Starting a virtual machine', () => launch(guestfish, drive, limits, cancellation))
      return await during(watcher, 'Looking inside', () => work(guestfish, isEmulated))
    } catch (error) {
      cancellation.throwIfRequested()
      throw error instanceof CommandFailed ? failed(`cannot go on: ${shown(error.message)}`, error) : error
    } finally {
      clearTimeout(timer)
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

async function launch(guestfish: Guestfish, drive: Drive, limits: TimeLimits, { signal }: Cancellation): Promise<void> {
  const timer = setTimeout(() => guestfish.kill(tooLong(limits.start)), limits.start * 1000)
  try {
    await guestfish.run('set-memsize', String(MEMORY))
    for (const setting of DISK_SETTINGS) await guestfish.run('config', '-global', setting)
    await guestfish.run('add-drive', drive.path, ...drive.options)
    await guestfish.run('launch')
    await limitDownloads(guestfish.pid, signal)
  } catch (error) {
    if (signal.aborted || !(error instanceof CommandFailed)) throw error
    const { lack } = await findRequirements(process.env)
    throw failed(lack?.why ?? `cannot be run: ${shown(error.message)}`, error, lack?.hint)
  } finally {
    clearTimeout(timer)
  }
}

function tooLong(seconds: number): string {
  return `the virtual machine took longer than ${seconds} s; VDC_MANAGE_GUEST_TIMEOUT sets its limit`
}

function failed(why: string, cause: unknown, hint = 'Find out why with: libguestfs-test-tool'): VdcError {
  return new VdcError('APPLIANCE_FAILED', `libguestfs, which looks into images, ${why}`, { hint, cause })
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
