import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Processes items one after the other. While the database works on one, `items` produces the
 * next. Two items are never processed at once: after a deadlock of the first, the second would
 * be committed alone.
 *
 * @throws errors of `items` and `work`.
 */
export async function overlapped<T>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let running: Promise<void> = Promise.resolve()
  try {
    for await (const item of items) {
      await running
      running = work(item)
      // Errors are thrown by the next `await running`.
      running.catch(() => {})
      // Lets `work` send its statement first.
      await nextTurn()
    }
  } finally {
    await running
  }
}
