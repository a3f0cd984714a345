import { setTimeout as sleep } from 'node:timers/promises'
import type { Cancellation } from '../watcher.ts'
import { DownloadFailure } from './failure.ts'

/** Milliseconds before the second attempt; each further pause is twice as long. */
const FIRST_PAUSE = 250
const LONGEST_PAUSE = 30_000

/**
 * Repeats an attempt after failures that may pass.
 *
 * @param retries attempts without progress after a failure, at most.
 * @param attempt returns its result.
 * @param hasProgress tells whether an attempt that failed has brought the work further.
 * @throws DownloadFailure the last one; other errors of `attempt`; the error of the cancellation.
 */
export async function withRetries<T>(
  retries: number,
  cancellation: Cancellation,
  attempt: () => Promise<T>,
  hasProgress: () => boolean = () => false,
): Promise<T> {
  for (let failures = 0; ; ) {
    try {
      return await attempt()
    } catch (error) {
      cancellation.throwIfRequested()
      if (!(error instanceof DownloadFailure && error.isTransient)) throw error
      failures = hasProgress() ? 1 : failures + 1
      if (failures > retries) throw error
    }
    const pause = Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
    await sleep(pause, undefined, { signal: cancellation.signal }).catch(() => {})
    cancellation.throwIfRequested()
  }
}
