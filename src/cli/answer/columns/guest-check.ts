import type { CheckReport } from '../../../registry/image/check/check-guests.ts'
import type { Column } from '../columns.ts'
import { evidenceLine } from '../views/guest-check.ts'

/** The columns of the results of `image check`. */
export const GUEST_CHECK_COLUMNS: Column<CheckReport>[] = [
  { name: 'result', cell: ({ result }) => result.replace('_', ' ') },
  { name: 'check' },
  { name: 'message', isText: true },
  { name: 'evidence', cell: ({ evidence }) => evidence.map(evidenceLine).join('; ') || null, isText: true, rank: 1 },
  { name: 'remedy', isText: true, rank: 2 },
]
