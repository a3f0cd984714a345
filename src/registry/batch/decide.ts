import { VdcError } from '../../core/errors.ts'
import type { Item } from './batches.ts'

/* What the work on a batch of things (batches.ts) decides about each of them. */

/** Exit codes of errors about one thing: a refused value, not found, a conflict with its state. */
const REFUSALS: readonly number[] = [3, 4, 5]

/**
 * Decides, one after the other, what to do to each item that is not refused yet.
 *
 * @param decision returns what to do; undefined for nothing. A refusal that it throws
 *   (IMAGE_NOT_FOUND, but not a lost connection) becomes the item's.
 * @returns what to do, by item, in the order of the items.
 * @throws VdcError other errors of `decision`.
 */
export async function decide<I extends Item, V>(
  items: Iterable<I>,
  decision: (item: I) => Promise<V | undefined> | V | undefined,
): Promise<Map<I, V>> {
  const decided = new Map<I, V>()
  for (const item of items) {
    if (item.refusal !== undefined) continue
    try {
      const value = await decision(item)
      if (value !== undefined) decided.set(item, value)
    } catch (error) {
      if (!(error instanceof VdcError) || error.code === 'DUPLICATE_KEY' || !REFUSALS.includes(error.exit)) throw error
      item.refusal = error
    }
  }
  return decided
}

/** The canonical ids of items. */
export function idsOf(items: Iterable<Item>): string[] {
  return Array.from(items, ({ id }) => id)
}

/** Calls `ask` once per key; later calls get the same answer or the same error. */
export function askedOnce<K, V>(ask: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const answers = new Map<K, Promise<V>>()
  return (key) => {
    const answer = answers.get(key) ?? ask(key)
    answers.set(key, answer)
    return answer
  }
}
