import { VdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'

/** Longest time that a check may take, in milliseconds. */
const TIMEOUT = 10_000

/**
 * Runs work, but stops waiting for it after ten seconds.
 *
 * @returns the result of `work`.
 * @throws VdcError DATABASE_UNREACHABLE after ten seconds; INTERRUPTED or TERMINATED as
 *   soon as that is requested; and the errors of `work`.
 */
export async function withTimeout<T>(interruption: Interruption, work: () => Promise<T>): Promise<T> {
  interruption.throwIfRequested()
  let timer: NodeJS.Timeout | undefined
  let onAbort = () => {}
  const end = new Promise<never>((_, reject) => {
    const late = new VdcError('DATABASE_UNREACHABLE', `No answer within ${TIMEOUT / 1000} s`)
    timer = setTimeout(() => reject(late), TIMEOUT)
    onAbort = () => reject(interruptedBy(interruption))
    interruption.signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work(), end])
  } finally {
    clearTimeout(timer)
    interruption.signal.removeEventListener('abort', onAbort)
  }
}

function interruptedBy(interruption: Interruption): unknown {
  try {
    interruption.throwIfRequested()
  } catch (error) {
    return error
  }
  return undefined
}
