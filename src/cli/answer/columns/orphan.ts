import type { Orphan } from '../../../registry/image/check/orphans.ts'
import type { Column } from '../columns.ts'

/** The columns of a list of files without objects and objects without files. */
export const ORPHAN_COLUMNS: Column<Orphan>[] = [
  { name: 'kind' },
  { name: 'id', rank: 1 },
  { name: 'size', rank: 3 },
  { name: 'path' },
  { name: 'images', isText: true, rank: 2 },
]
