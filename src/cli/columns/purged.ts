import type { Purged } from '../../registry/purge/purge.ts'
import type { Column } from '../answers/columns.ts'

/** What a list shows of what was removed for good. */
export const PURGED_COLUMNS: Column<Purged>[] = [
  { name: 'id' },
  { name: 'kind' },
  { name: 'bytes', header: 'SIZE', rank: 2 },
  { name: 'path', isText: true, rank: 1 },
]
