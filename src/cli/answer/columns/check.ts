import type { Check } from '../../../registry/doctor/run.ts'
import type { Column } from '../columns.ts'

/** The columns of the checks of `doctor`. */
export const CHECK_COLUMNS: Column<Check>[] = [
  { name: 'result' },
  { name: 'name' },
  { name: 'message', isText: true },
  { name: 'hint', isText: true, rank: 1 },
]
