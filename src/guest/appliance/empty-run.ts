import { monotonicTime } from '../../core/clock.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import { withGuestFolder } from './guest-folder.ts'
import { doesKvmWork } from './kvm.ts'
import { withSession } from './session.ts'

/** A disk without content, for which libguestfs makes one of its own. */
const EMPTY = { path: '/dev/null', options: ['format:raw', 'readonly:true'], isWritable: false }

/** Finds out whether KVM runs virtual machines, by starting one. It takes three seconds where KVM hangs. */
export function tryKvm(cancellation: Cancellation): Promise<boolean> {
  return withGuestFolder((folder) => doesKvmWork(folder, cancellation))
}

/**
 * Starts the virtual machine of libguestfs without a guest. Returns how long that took, in milliseconds.
 *
 * @throws VdcError APPLIANCE_FAILED if it does not run; the error of the cancellation.
 */
export async function tryAppliance(acceleration: 'kvm' | 'tcg', cancellation: Cancellation): Promise<number> {
  const started = monotonicTime()
  const progress = { begin: () => ({ advance() {}, end() {} }) }
  await withSession(EMPTY, acceleration, { cancellation, progress }, (guestfish) => guestfish.run('ping-daemon'))
  return monotonicTime() - started
}
