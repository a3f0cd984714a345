import { expect } from 'vitest'

/** Attempts before a slow result counts as a failure, because the machine may be busy. */
const ATTEMPTS = 5

/**
 * Runs `work` until it takes less than `limit` milliseconds, and returns its last result. Fails if
 * it takes longer each time.
 *
 * @param what names the work in the message.
 */
export async function inTime<T>(limit: number, what: string, work: () => Promise<T>): Promise<T> {
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 1; ; attempt++) {
    const started = performance.now()
    const result = await work()
    least = Math.min(least, performance.now() - started)
    if (least < limit) return result
    if (attempt === ATTEMPTS) expect(least, `ms for ${what}`).toBeLessThan(limit)
  }
}
