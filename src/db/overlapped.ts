import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Does work on one item after the other, and while the database has one, prepares the next. Two
 * never run at once: after a deadlock, the second would be committed by itself.
 *
 * @throws what `items` and `work` throw.
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
      // What it throws is thrown where it is waited for.
      running.catch(() => {})
      // By then its statement is sent.
      await nextTurn()
    }
  } finally {
    await running
  }
}
