import { setTimeout } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import { notWritten } from '../../disk/file/write-error.ts'
import { requireSpace } from '../../disk/make/reserve.ts'
import type { Watcher } from '../../disk/watcher.ts'
import { withGuestFolder } from '../appliance/guest-folder.ts'
import type { Acceleration } from '../appliance/session.ts'
import { chooseAcceleration } from '../machine/acceleration.ts'
import type { MachineArch } from '../machine/command-line.ts'
import { type Machine, withMachine } from '../machine/machine.ts'
import type { VncPlace } from '../machine/vnc.ts'

/** How a guest is installed. */
export interface InstallOptions {
  /** An open descriptor of the CD image. */
  cd: number
  /** The new disk: an open descriptor, its format as qemu names it, and the path of its folder for this process. */
  disk: { fd: number; format: string; folder: string }
  arch: MachineArch
  accel: Acceleration
  /** MiB. */
  memory: number
  /** Seconds that it may take. */
  timeout: number
  /** Whether the guest reaches no network. */
  isOffline: boolean
  vnc: VncPlace
  watcher: Watcher
  /** Called with the argument of vncviewer(1) once the screen can be looked at. */
  onVnc: (address: string) => Promise<unknown>
}

/** Milliseconds between two looks at the free space. */
const LOOK_EVERY = 2000

/**
 * Boots a virtual machine from a CD, with a disk that it can write to, and waits until it powers off or restarts, as
 * installers do at their end. Then all that it has written is in the file of the disk.
 *
 * @throws VdcError QEMU_IMG_FAILED if QEMU or KVM cannot run, ends unexpectedly, or takes too long; FILE_NOT_WRITTEN if
 *   the filesystem of the disk is nearly full; the error of the cancellation.
 */
export async function installGuest({ disk, isOffline, watcher, onVnc, ...options }: InstallOptions): Promise<void> {
  const { cancellation } = watcher
  await withGuestFolder(async (folder) => {
    const accel = await chooseAcceleration(options.accel, folder, cancellation)
    const network = { kind: isOffline ? 'closed' : 'open' } as const
    const hardware = { ...options, accel, network, disk: { ...disk, isWritable: true }, hasSerialFirmware: false }
    await withMachine({ ...hardware, folder, cancellation, onConsole: () => {} }, async (machine) => {
      if (machine.vnc !== undefined) await onVnc(machine.vnc)
      const task = watcher.progress.begin('Waiting for the guest to power off', undefined)
      try {
        await untilEnded(machine, disk.folder, options.timeout, watcher)
        await machine.quit()
      } finally {
        task.end()
      }
    })
  })
}

async function untilEnded({ ended }: Machine, folder: string, seconds: number, { cancellation }: Watcher) {
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, cancellation.signal])
  try {
    const end = await Promise.race([ended, late(seconds, signal), full(folder, signal)])
    cancellation.throwIfRequested()
    if (end.how === 'died') throw end.error
  } finally {
    over.abort()
  }
}

/** Rejects after some seconds; never settles if the signal is aborted before. */
async function late(seconds: number, signal: AbortSignal): Promise<never> {
  await setTimeout(seconds * 1000, undefined, { signal }).catch(forever)
  throw new VdcError('QEMU_IMG_FAILED', `The guest has not powered off within ${seconds} s, so nothing was kept`, {
    hint: 'Allow more time with --timeout',
  })
}

/** Rejects when the filesystem of a folder is nearly full; never settles if the signal is aborted before. */
async function full(folder: string, signal: AbortSignal): Promise<never> {
  while (true) {
    await setTimeout(LOOK_EVERY, undefined, { signal }).catch(forever)
    await requireSpace(folder, 0).catch((error: unknown) => {
      throw notWritten('The disk of the guest', error)
    })
  }
}

function forever(): Promise<never> {
  return new Promise(() => {})
}
