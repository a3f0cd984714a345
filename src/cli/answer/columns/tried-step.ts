import type { StepReport } from '../../../registry/image/try/try-image.ts'
import type { Column } from '../columns.ts'

/** The columns of the steps of `image try`. */
export const TRIED_STEP_COLUMNS: Column<StepReport>[] = [
  { name: 'seconds' },
  { name: 'boot', rank: 1 },
  { name: 'result', cell: ({ result }) => result.replace('_', ' ') },
  { name: 'step' },
  { name: 'message', isText: true },
]
