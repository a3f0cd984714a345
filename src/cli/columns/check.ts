import type { Check } from '../../registry/doctor/examine.ts'
import type { Column } from '../answers/columns.ts'

/** What the checks of doctor show, as a table. */
export const CHECK_COLUMNS: Column<Check>[] = [
  { name: 'result' },
  { name: 'name' },
  { name: 'message', isText: true },
  { name: 'hint', isText: true, rank: 1 },
]
