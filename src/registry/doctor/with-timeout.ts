import { VdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'

/** Milliseconds that any one look may take. */
const PATIENCE = 10_000

/**
 * Does work of which nobody waits for the end when it takes too long.
 *
 * @throws VdcError INTERRUPTED or TERMINATED at once when that is requested,
 *   DATABASE_UNREACHABLE after ten seconds, and what `work` throws.
 */
export async function withinPatience<T>(interruption: Interruption, work: () => Promise<T>): Promise<T> {
  interruption.throwIfRequested()
  let timer: NodeJS.Timeout | undefined
  let onAbort = () => {}
  const end = new Promise<never>((_, reject) => {
    const late = new VdcError('DATABASE_UNREACHABLE', `There is no answer within ${PATIENCE / 1000} s`)
    timer = setTimeout(() => reject(late), PATIENCE)
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
