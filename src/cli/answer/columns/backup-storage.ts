import type { StorageDetails } from '../../../registry/backup-storage/details.ts'
import type { Column } from '../columns.ts'

/** The columns of a list of backup storages. */
export const STORAGE_COLUMNS: Column<StorageDetails>[] = [
  { name: 'id' },
  { name: 'display_name', header: 'NAME', isText: true, rank: 1 },
  { name: 'storage_type', header: 'TYPE', rank: 3 },
  {
    name: 'deleted_at',
    header: 'STATE',
    cell: (storage) => (storage.deleted_at === null ? 'available' : 'deleted'),
    rank: 4,
  },
  { name: 'node_id', header: 'NODE', isText: true, rank: 5 },
  { name: 'base_uri', isText: true, rank: 2 },
]
