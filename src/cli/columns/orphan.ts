import type { Orphan } from '../../registry/image/orphans.ts'
import type { Column } from '../answers/columns.ts'

/** What a list of files and objects shows that have lost each other. */
export const ORPHAN_COLUMNS: Column<Orphan>[] = [
  { name: 'kind' },
  { name: 'id' },
  { name: 'size', rank: 2 },
  { name: 'path', isText: true },
  { name: 'images', isText: true, rank: 1 },
]
