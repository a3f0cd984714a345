import type { Knex } from 'knex'
import { type Database, streamRows } from './database.ts'
import {
  findPosition,
  type OrderBy,
  type OrderColumn,
  type Ordered,
  type Page,
  type Position,
  text,
  time,
  whereOnPage,
} from './order.ts'
import type { BackupStorageRow } from './rows.ts'
import { countRows, LIVING_STORAGES, type Selection, whereSelected } from './selection.ts'

/** Which backup storages a list holds. */
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
} satisfies Readonly<Record<string, OrderColumn>>
const ORDERED: Ordered<StorageOrderKey> = { alias: 's', columns: COLUMNS }

/** What backup storages can be ordered by. */
export type StorageOrderKey = keyof typeof COLUMNS
export const STORAGE_ORDER_KEYS = Object.keys(COLUMNS) as StorageOrderKey[]

/** Streams a list of storages as the database delivers them; without an order, oldest first. */
export async function* streamStorages(
  database: Database,
  selection: StorageSelection,
  page: Page<StorageOrderKey>,
): AsyncGenerator<BackupStorageRow> {
  const query = storages(database).select('s.*')
  whereSelected(database, query, LIVING_STORAGES, selection)
  whereOnPage(database, query, ORDERED, page)
  yield* streamRows<BackupStorageRow>(database, query)
}

/** How many storages a selection holds. */
export async function countStorageRows(database: Database, selection: StorageSelection): Promise<number> {
  const query = storages(database)
  whereSelected(database, query, LIVING_STORAGES, selection)
  return countRows(query)
}

/** Where an order places a storage, chosen or not; undefined where there is none with exactly this uuid. */
export async function findStoragePosition(
  database: Database,
  order: readonly OrderBy<StorageOrderKey>[],
  uuid: string,
): Promise<Position | undefined> {
  return findPosition(database, storages(database), ORDERED, order, uuid)
}

function storages(database: Database): Knex.QueryBuilder {
  return database.knex('backup_storages as s')
}
