import { VdcError } from '../../core/errors.ts'
import type { Item } from './batches.ts'

/* Decides about each item of a batch (batches.ts). */

/** Exit codes of errors about a single item: a refused value, not found, or a conflict with its state. */
const REFUSALS: readonly number[] = [3, 4, 5]

/**
 * Calls `decision` for each item that is not yet refused, one after the other.
 *
 * @param decision returns the decision about an item; undefined to skip the item. If it
 *   throws an error about the item (such as IMAGE_NOT_FOUND, but not a lost connection),
 *   the item is refused with this error.
 * @returns the decisions by item, in the order of the items.
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

/** Returns the canonical IDs of items. */
export function idsOf(items: Iterable<Pick<Item, 'id'>>): string[] {
  return Array.from(items, ({ id }) => id)
}

/** Caches `ask`: calls it once per key; later calls get the same result or the same error. */
export function askedOnce<K, V>(ask: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const answers = new Map<K, Promise<V>>()
  return (key) => {
    const answer = answers.get(key) ?? ask(key)
    answers.set(key, answer)
    return answer
  }
}
