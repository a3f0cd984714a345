import type { Outcome } from '../../src/registry/batch/batches.ts'

/**
 * What came of the only thing that something was done to.
 *
 * @throws VdcError where it failed.
 */
export async function onlyOne<T>(outcomes: AsyncIterable<Outcome<T>>): Promise<T> {
  const all: Outcome<T>[] = []
  for await (const outcome of outcomes) all.push(outcome)
  const [only, ...others] = all
  if (only === undefined || others.length > 0) throw new Error(`There are ${all.length} outcomes`)
  if ('error' in only) throw only.error
  return only.result
}
