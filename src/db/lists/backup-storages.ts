import type { BackupStorageRow } from '../tables/rows.ts'
import { type Listing, listing } from './listing.ts'
import { text, time } from './order.ts'
import { LIVING_STORAGES, type Selection, whereSelected } from './selection.ts'

/** Selects the backup storages of a list. */
export type StorageSelection = Selection<'display_name' | 'storage_type' | 'node_id'>

const COLUMNS = {
  id: text('s.uuid'),
  display_name: text('s.display_name'),
  storage_type: text('s.storage_type'),
  base_uri: text('s.base_uri'),
  node_id: text('s.node_id'),
  created_at: time('s.created_at'),
  updated_at: time('s.updated_at'),
  deleted_at: time('s.deleted_at'),
}

/** Lists backup storages. */
export const STORAGES: Listing<BackupStorageRow, StorageSelection, keyof typeof COLUMNS> = listing({
  table: 'backup_storages',
  alias: 's',
  columns: COLUMNS,
  choose: (database, query, selection) => whereSelected(database, query, LIVING_STORAGES, selection),
})
