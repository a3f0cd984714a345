import type { Purged } from '../../../registry/purge/outcome.ts'
import type { Column } from '../columns.ts'

/** The columns of a list of purged images and files. Only this list names the removed files. */
export const PURGED_COLUMNS: Column<Purged>[] = [
  { name: 'id' },
  { name: 'kind', rank: 1 },
  { name: 'bytes', header: 'SIZE', rank: 2 },
  { name: 'path' },
]
