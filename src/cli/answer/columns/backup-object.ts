import type { ObjectSummary } from '../../../registry/backup-object/summary.ts'
import type { Column } from '../columns.ts'

/** The columns of a list of backup objects. */
export const OBJECT_COLUMNS: Column<ObjectSummary>[] = [
  { name: 'id' },
  { name: 'display_name', header: 'NAME', isText: true, rank: 1 },
  { name: 'account_id', header: 'ACCOUNT', rank: 4 },
  { name: 'backup_storage_id', header: 'STORAGE', rank: 3 },
  { name: 'container_format', header: 'CONTAINER', rank: 6 },
  { name: 'virtual_size', header: 'VIRTUAL SIZE', rank: 7 },
  { name: 'allocation_size', header: 'FILE SIZE', rank: 2 },
  { name: 'users', rank: 2 },
  { name: 'state', rank: 5 },
  { name: 'created_at', header: 'CREATED', rank: 8 },
  { name: 'checksum', rank: 9 },
  {
    name: 'used_by',
    header: 'USED BY',
    cell: ({ used_by: ids = [] }) => ids.join(', ') || null,
    isText: true,
    isOnRequest: true,
  },
]
