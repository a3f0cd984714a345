import type { Change } from '../../registry/change.ts'
import { boldOn } from '../terminal/color.ts'
import { writeNote } from '../terminal/output.ts'
import { CHANGE_COLUMNS, changeText, fullChange } from './columns/change.ts'
import type { Printer } from './printer.ts'

/**
 * Prints the changes that a dry run would make, by default as text, and a note that nothing was written.
 *
 * @throws VdcError OUTPUT_FAILED.
 */
export async function printChanges(printer: Printer, changes: readonly Change[]): Promise<void> {
  // History rows follow from the other rows and would bury them in a table.
  const isHidden = (change: Change) => printer.format === 'table' && 'table' in change && change.table === 'histories'
  const shown = changes.filter((change) => !isHidden(change)).map(fullChange)
  const hidden = changes.length - shown.length
  if (printer.mayWrap) {
    const bold = boldOn(process.stdout)
    await printer.text(shown.map((change) => changeText(change, bold)).join(''))
  } else await printer.list([shown], CHANGE_COLUMNS)
  if (changes.length === 0) return writeNote('Dry run: nothing would change')
  const history = hidden === 0 ? '' : `; ${hidden} history row${hidden === 1 ? ' is' : 's are'} not shown`
  await writeNote(`Dry run: nothing was written${history}`)
}
