import { asVdcError } from '../../core/errors.ts'
import type { Outcome } from './batches.ts'

/** Runs work on one item, and returns its result or error. */
export async function outcomeOf<T>(id: string, work: (id: string) => Promise<T>): Promise<Outcome<T>> {
  try {
    return { id, result: await work(id) }
  } catch (error) {
    return { id, error: asVdcError(error) }
  }
}
