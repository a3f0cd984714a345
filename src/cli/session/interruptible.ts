import { setTimeout as sleep } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import { Interruption } from '../../core/interruption.ts'
import { sharedRegistry } from './open-registry.ts'
import { catchSignals } from './signals.ts'

/** Milliseconds that work may take to end when it is interrupted, as a statement that runs is waited for. */
export const PATIENCE = 3000

/**
 * Does long work that ends, with nothing half done, when it is interrupted: in a
 * shell by its Ctrl-C or what it makes of signals, else by SIGINT, SIGTERM or SIGHUP. A second signal, or work that
 * doesn't end, ends the process as signals do by default.
 *
 * @param work ends soon after its interruption is requested, by throwing what that throws.
 * @throws VdcError INTERRUPTED or TERMINATED, and what `work` throws.
 */
export async function untilInterrupted<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
  const shared = sharedRegistry()
  if (shared !== undefined) return endedBy(shared.interruption, work)
  const interruption = new Interruption()
  const signals = catchSignals(interruption)
  try {
    return await Promise.race([endedBy(interruption, work), lostPatience(interruption)])
  } finally {
    signals.release()
  }
}

async function endedBy<T>(interruption: Interruption, work: (interruption: Interruption) => Promise<T>): Promise<T> {
  try {
    return await work(interruption)
  } catch (error) {
    // What a signal ended too, such as a process of ours, may have failed first.
    if (!(error instanceof VdcError && error.code === 'COMMIT_UNCERTAIN')) interruption.throwIfRequested()
    throw error
  }
}

/** Fails some time after the interruption was requested, but not during a commit; until then, and without one, it is pending. */
async function lostPatience(interruption: Interruption): Promise<never> {
  await new Promise((resolve) => interruption.signal.addEventListener('abort', resolve, { once: true }))
  // What is committed meanwhile is to be told.
  do await sleep(PATIENCE, undefined, { ref: false })
  while (interruption.isCommitting)
  interruption.throwIfRequested()
  throw new Error('An interruption was taken back')
}
