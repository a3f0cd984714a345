import type { Purged } from '../../../registry/purge/outcome.ts'
import type { Column } from '../columns.ts'

/** What a list shows of what was removed for good; nothing else tells which files these were. */
export const PURGED_COLUMNS: Column<Purged>[] = [
  { name: 'id' },
  { name: 'kind', rank: 1 },
  { name: 'bytes', header: 'SIZE', rank: 2 },
  { name: 'path' },
]
