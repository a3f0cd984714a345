import type { Change } from '../../registry/change.ts'
import { printable } from '../terminal/escape.ts'
import { writeNote } from '../terminal/output.ts'
import { wrapIndented } from '../terminal/wrap.ts'
import { CHANGE_COLUMNS, fullChange } from './columns/change.ts'
import type { Printer } from './printer.ts'

/**
 * Prints the changes that a dry run would make, and a note that nothing was written. At a terminal, the changes
 * are sentences; if a format was asked for, or in a pipe, they are rows.
 *
 * @throws VdcError OUTPUT_FAILED.
 */
export async function printChanges(printer: Printer, changes: readonly Change[]): Promise<void> {
  if (printer.mayWrap) return printSentences(printer, changes)
  if (printer.isQuiet) return printIds(printer, changes)
  // History rows follow from the other rows and would bury them in a table.
  const isHidden = (change: Change) => printer.format === 'table' && 'table' in change && change.table === 'histories'
  const shown = changes.filter((change) => !isHidden(change)).map(fullChange)
  const hidden = changes.length - shown.length
  await printer.list([shown], CHANGE_COLUMNS)
  if (changes.length === 0) return writeNote('Dry run: nothing would change')
  const history = hidden === 0 ? '' : `; ${hidden} history row${hidden === 1 ? ' is' : 's are'} not shown`
  await writeNote(`Dry run: nothing was written${history}`)
}

/** Prints the ID of each thing that would change once. Files have none. */
async function printIds(printer: Printer, changes: readonly Change[]): Promise<void> {
  const ids = new Set(changes.flatMap((change) => ('id' in change && change.action !== 'migrate' ? [change.id] : [])))
  await printer.list([[...ids].map((id) => ({ id }))], [{ name: 'id' }])
  await writeNote(changes.length === 0 ? 'Dry run: nothing would change' : 'Dry run: nothing was written')
}

async function printSentences(printer: Printer, changes: readonly Change[]): Promise<void> {
  const { sentencesOf } = await import('./views/dry-run.ts')
  const lines = sentencesOf(changes).map((sentence) => wrapIndented(printable(sentence), '  '))
  await printer.text(lines.map((line) => `${line}\n`).join(''))
  await writeNote(lines.length === 0 ? 'Dry run: nothing would change' : 'Dry run: nothing was written')
}
