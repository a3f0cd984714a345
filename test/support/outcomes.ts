import type { Outcome } from '../../src/registry/batch/batches.ts'

/**
 * Returns the result of an operation on a single ID.
 *
 * @throws VdcError if the operation failed.
 */
export async function onlyOne<T>(outcomes: AsyncIterable<Outcome<T>>): Promise<T> {
  const all: Outcome<T>[] = []
  for await (const outcome of outcomes) all.push(outcome)
  const [only, ...others] = all
  if (only === undefined || others.length > 0) throw new Error(`There are ${all.length} outcomes`)
  if ('error' in only) throw only.error
  return only.result
}
