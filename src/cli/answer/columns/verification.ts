import type { Verification } from '../../../registry/image/check/verify.ts'
import type { Column } from '../columns.ts'

/** The columns of the results of `image verify`. */
export const VERIFICATION_COLUMNS: Column<Verification>[] = [
  { name: 'id' },
  { name: 'result', cell: ({ result }) => result.replace('_', ' ') },
  { name: 'path', isText: true, rank: 1 },
  { name: 'differences', cell: ({ differences }) => differences.join('; ') || null, isText: true },
]
