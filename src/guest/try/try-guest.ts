import { readFile } from 'node:fs/promises'
import { withGuestFolder } from '../appliance/guest-folder.ts'
import type { Acceleration } from '../appliance/session.ts'
import { chooseAcceleration } from '../machine/acceleration.ts'
import type { Instance } from '../metadata/instance.ts'
import { type BootOptions, type BootResult, bootGuest } from './boot-guest.ts'
import { identityOf } from './identity.ts'
import { compareIdentities } from './judge.ts'
import { makeLoginKey } from './ssh.ts'
import type { Step } from './step.ts'

/** How a guest is tried. */
export interface TryOptions extends Omit<BootOptions, 'key' | 'accel' | 'tell'> {
  accel: Acceleration
  /** What the guest becomes. The network of its interface is replaced by that of the virtual machine. */
  instance: Instance
  /** Whether it boots a second time, from the same image, as another instance. */
  isTwice: boolean
  /** Called with each step once it is decided, and with one that was ok once it fails. */
  tell: (step: TriedStep) => Promise<unknown>
}

/** A step of the first or the second boot; null if it compares both. */
export type TriedStep = Step & { boot: 1 | 2 | null }

/** What a guest did. */
export interface Trial {
  /** Whether it booted and got its address and its metadata each time, and became instances that differ. */
  passes: boolean
  accel: 'kvm' | 'tcg'
  steps: TriedStep[]
  boots: BootResult[]
}

/**
 * Boots the guest of a disk image as an instance, or as two, one after the other. Nothing is written to the image, and
 * nothing of the guest reaches a network.
 *
 * @throws VdcError QEMU_IMG_FAILED if QEMU or KVM cannot run; FILE_NOT_WRITTEN if there is no temporary folder; the
 *   error of the cancellation; errors of `tell`.
 */
export async function tryGuest({ instance, isTwice, tell, ...options }: TryOptions): Promise<Trial> {
  const { cancellation } = options.watcher
  return withGuestFolder(async (folder) => {
    const accel = await chooseAcceleration(options.accel, folder, cancellation)
    const key = await makeLoginKey(folder, cancellation.signal)
    cancellation.throwIfRequested()
    const publicKey = key && (await readFile(`${key}.pub`, 'utf8')).trim()
    const trial: Trial = { passes: true, accel, steps: [], boots: [] }
    const add = async (step: TriedStep, isTold: boolean) => {
      trial.steps.push(step)
      if (!isTold) await tell(step)
    }
    for (const boot of isTwice ? ([1, 2] as const) : ([1] as const)) {
      const result = await bootGuest({
        ...{ ...options, accel, key },
        instance: identityOf(instance, boot, publicKey),
        tell: (step) => tell({ ...step, boot }),
      })
      trial.boots.push(result)
      for (const step of result.steps) await add({ ...step, boot }, true)
    }
    const [first, second] = trial.boots
    const compared = first && second ? compareIdentities(first.identity, second.identity) : []
    for (const step of compared) await add({ ...step, boot: null }, false)
    trial.passes = trial.boots.every(({ passes }) => passes) && compared.every(({ result }) => result !== 'failed')
    return trial
  })
}
