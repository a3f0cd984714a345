import { VdcError } from '../../core/errors.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import { doesKvmWork } from '../appliance/kvm.ts'
import type { Acceleration } from '../appliance/session.ts'

/**
 * Finds out how a virtual machine is to run, which takes three seconds where KVM hangs.
 *
 * @param folder a folder of this process, for a floppy disk.
 * @throws VdcError QEMU_IMG_FAILED if KVM is asked for and does not work; the error of the cancellation.
 */
export async function chooseAcceleration(
  asked: Acceleration,
  folder: string,
  cancellation: Cancellation,
): Promise<'kvm' | 'tcg'> {
  if (asked === 'tcg') return 'tcg'
  if (await doesKvmWork(folder, cancellation)) return 'kvm'
  if (asked === 'auto') return 'tcg'
  throw new VdcError('QEMU_IMG_FAILED', 'KVM does not run virtual machines on this host', {
    hint: 'Find out why with: vdc-manage doctor; or emulate the processor with --accel tcg',
  })
}
