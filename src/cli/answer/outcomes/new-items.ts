import type { Outcome } from '../../../registry/batch/batches.ts'
import type { Printer } from '../printer.ts'
import type { Outcomes } from './outcomes.ts'
import { StoredItems } from './stored-items.ts'

/**
 * Prints new items, each after its commit, and reports those that fail.
 *
 * @param afterEach is called with each item after it was printed.
 * @throws VdcError OUTPUT_FAILED; as `Outcomes.failure`. Notes on stderr then say what is stored.
 */
export async function printNewItems<T extends { id: string }>(
  printer: Printer,
  failures: Outcomes,
  outcomes: AsyncIterable<Outcome<T>>,
  afterEach: (item: T) => Promise<void>,
): Promise<void> {
  const stored = new StoredItems()
  try {
    for await (const outcome of outcomes) {
      if (!('result' in outcome)) {
        await failures.failure(outcome, false)
        continue
      }
      stored.add(outcome)
      if (!printer.isWhole) printer.storedId = stored.unprinted
      if (printer.isAskedFor) await printer.thing(outcome.result)
      else await printer.text(`${outcome.result.id}\n`)
      // JSON and YAML are printed at the end.
      if (!printer.isWhole) stored.printed()
      await afterEach(outcome.result)
    }
    if (printer.isWhole) printer.storedId = stored.unprinted || undefined
    await printer.endThings(false)
  } catch (error) {
    // They are told here, and only once.
    printer.storedId = undefined
    await stored.tell()
    throw error
  }
}

/**
 * Reports the items of a dry run that fail, and prints nothing of the others.
 *
 * @throws VdcError as `Outcomes.failure`.
 */
export async function tellFailures(failures: Outcomes, outcomes: AsyncIterable<Outcome<unknown>>): Promise<void> {
  for await (const outcome of outcomes) if ('error' in outcome) await failures.failure(outcome, false)
}
