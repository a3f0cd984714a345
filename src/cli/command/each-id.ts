import type { Outcome } from '../../registry/batch/batches.ts'
import type { Told } from '../../registry/happened.ts'

/** Turns work on one item into work on several items, one after the other (for `Answer.each`). */
export function oneByOne<T>(work: (id: string) => Promise<T>): (ids: readonly string[]) => AsyncGenerator<Outcome<T>> {
  return async function* (ids) {
    const { outcomeOf } = await import('../../registry/batch/outcome.ts')
    for (const id of ids) yield await outcomeOf(id, work)
  }
}

/** As `oneByOne`, for work that tells what happened. */
export function toldOneByOne<T>(
  work: (id: string) => Promise<Told<T>>,
): (ids: readonly string[]) => AsyncGenerator<Outcome<T>> {
  return async function* (ids) {
    const { outcomeOf } = await import('../../registry/batch/outcome.ts')
    for (const id of ids) {
      const outcome = await outcomeOf(id, work)
      yield 'error' in outcome ? outcome : { id, ...outcome.result }
    }
  }
}
