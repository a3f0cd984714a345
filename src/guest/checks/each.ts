import type { Edit } from '../prepare/edit.ts'
import { Undecided, Unreadable } from '../tree/undecided.ts'
import type { Finding } from './check.ts'

/** Something that was found in a guest, or why a part of the guest is unknown. */
export type Found<T> = T | Undecided

/** Looks at one thing after the other. What is undecided of one does not hide what is found in the others. */
export async function* each<T, R>(
  things: Iterable<T> | AsyncIterable<T>,
  look: (thing: T) => AsyncIterable<Found<R>>,
): AsyncGenerator<Found<R>> {
  for await (const thing of things) {
    try {
      yield* look(thing)
    } catch (error) {
      if (!(error instanceof Undecided)) throw error
      yield error
    }
  }
}

/** Yields the findings of what was found, and of what is unknown. */
export async function* findingsOf<T>(
  found: AsyncIterable<Found<T>>,
  findingOf: (thing: T) => Finding,
): AsyncGenerator<Finding> {
  for await (const thing of found) yield thing instanceof Undecided ? unknownBy(thing) : findingOf(thing)
}

/** Yields the edits that remedy what was found. What is unknown is left as it is, because the check says so. */
export async function* editsOf<T>(
  found: AsyncIterable<Found<T>>,
  remedy: (thing: T) => readonly Edit[] | Promise<readonly Edit[]>,
): AsyncGenerator<Edit> {
  for await (const thing of found) {
    if (thing instanceof Undecided) continue
    let edits: readonly Edit[]
    try {
      edits = await remedy(thing)
    } catch (error) {
      if (!(error instanceof Undecided)) throw error
      continue
    }
    yield* edits
  }
}

/** Returns the finding that something is unknown. */
export function unknownBy(error: Undecided): Finding {
  return { result: 'unknown', message: error.message, isUnreadable: error instanceof Unreadable }
}
