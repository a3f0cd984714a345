import { Undecided, Unreadable } from '../tree/undecided.ts'
import type { Finding } from './check.ts'

/** Looks at one thing after the other. What is undecided of one does not hide the findings of the others. */
export async function* each<T>(
  things: Iterable<T> | AsyncIterable<T>,
  look: (thing: T) => AsyncIterable<Finding>,
): AsyncGenerator<Finding> {
  for await (const thing of things) {
    try {
      yield* look(thing)
    } catch (error) {
      if (!(error instanceof Undecided)) throw error
      yield unknownBy(error)
    }
  }
}

/** Returns the finding that something is unknown. */
export function unknownBy(error: Undecided): Finding {
  return { result: 'unknown', message: error.message, isUnreadable: error instanceof Unreadable }
}
