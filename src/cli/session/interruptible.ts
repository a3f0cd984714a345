import { setTimeout as sleep } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import { Interruption } from '../../core/interruption.ts'
import type { SharedSession } from './shared-session.ts'
import { catchSignals } from './signals.ts'

/** Milliseconds that interrupted work has to end, for example to finish a running statement. */
export const PATIENCE = 3000

/**
 * Runs long work that ends with nothing half done when it is interrupted by SIGINT, SIGTERM or
 * SIGHUP; in a shell, by the shell's own interruption. A second signal ends the process at once.
 * Work that does not end in time is abandoned.
 *
 * @param shared undefined outside a shell.
 * @param work must throw the error of its interruption soon after that is requested.
 * @throws VdcError INTERRUPTED or TERMINATED, or the error of `work`.
 */
export async function untilInterrupted<T>(
  shared: SharedSession | undefined,
  work: (interruption: Interruption) => Promise<T>,
): Promise<T> {
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
    // The signal may also have ended a child process, whose failure came first.
    if (!(error instanceof VdcError && error.code === 'COMMIT_UNCERTAIN')) interruption.throwIfRequested()
    throw error
  }
}

/** Rejects PATIENCE after the interruption is requested, but not during a commit. Never resolves. */
async function lostPatience(interruption: Interruption): Promise<never> {
  await new Promise((resolve) => interruption.signal.addEventListener('abort', resolve, { once: true }))
  // The result of a commit must be reported.
  do await sleep(PATIENCE, undefined, { ref: false })
  while (interruption.isCommitting)
  interruption.throwIfRequested()
  throw new Error('An interruption was taken back')
}
