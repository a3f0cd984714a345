import type { Knex } from 'knex'
import { type Database, streamRows } from './database.ts'
import {
  findPosition,
  number,
  type OrderBy,
  type OrderColumn,
  type Ordered,
  type Page,
  type Position,
  text,
  time,
  whereOnPage,
} from './order.ts'
import type { BackupObjectRow } from './rows.ts'
import { countRows, LIVING_OBJECTS, type Selection, shownState, whereSelected } from './selection.ts'
import { type ChecksumChoice, whereChecksum } from './with-label.ts'

/** Which backup objects a list holds. */
export interface ObjectSelection
  extends Selection<'account_id' | 'container_format' | 'service_type' | 'display_name'> {
  /** Only objects that lie in one of these storages, given by their integer ids. */
  storageKeys?: readonly number[] | undefined
  /** Only objects that have one of these checksums. */
  checksums?: ChecksumChoice | undefined
}

/** A line of a list: an object and the uuid and base URI of its storage, which may be gone. */
export type ObjectListRow = BackupObjectRow & { storage_uuid: string | null; base_uri: string | null }

const COLUMNS = {
  id: text('o.uuid'),
  display_name: text('o.display_name'),
  account_id: text('o.account_id'),
  state: { of: (database) => shownState(database, LIVING_OBJECTS), type: 'text' } as OrderColumn,
  service_type: text('o.service_type'),
  backup_storage_id: text('s.uuid'),
  container_format: text('o.container_format'),
  size: number('o.size'),
  allocation_size: number('o.allocation_size'),
  checksum: text('o.checksum'),
  created_at: time('o.created_at'),
  updated_at: time('o.updated_at'),
  deleted_at: time('o.deleted_at'),
} satisfies Readonly<Record<string, OrderColumn>>
const ORDERED: Ordered<ObjectOrderKey> = { alias: 'o', columns: COLUMNS }

/** What backup objects can be ordered by. */
export type ObjectOrderKey = keyof typeof COLUMNS
export const OBJECT_ORDER_KEYS = Object.keys(COLUMNS) as ObjectOrderKey[]

/** Streams a list of objects as the database delivers them; without an order, oldest first. */
export async function* streamBackupObjects(
  database: Database,
  selection: ObjectSelection,
  page: Page<ObjectOrderKey>,
): AsyncGenerator<ObjectListRow> {
  const query = objectsWithStorages(database).select('o.*', 's.uuid as storage_uuid', 's.base_uri')
  whereChosen(database, query, selection)
  whereOnPage(database, query, ORDERED, page)
  yield* streamRows<ObjectListRow>(database, query)
}

/** How many objects a selection holds. */
export async function countObjectRows(database: Database, selection: ObjectSelection): Promise<number> {
  const query = database.knex('backup_objects as o')
  whereChosen(database, query, selection)
  return countRows(query)
}

/** Where an order places an object, chosen or not; undefined where there is none with exactly this uuid. */
export async function findObjectPosition(
  database: Database,
  order: readonly OrderBy<ObjectOrderKey>[],
  uuid: string,
): Promise<Position | undefined> {
  return findPosition(database, objectsWithStorages(database), ORDERED, order, uuid)
}

function objectsWithStorages(database: Database): Knex.QueryBuilder {
  return database.knex('backup_objects as o').leftJoin('backup_storages as s', 's.id', 'o.backup_storage_id')
}

function whereChosen(database: Database, query: Knex.QueryBuilder, selection: ObjectSelection): void {
  whereSelected(database, query, LIVING_OBJECTS, selection)
  if (selection.storageKeys !== undefined) query.whereIn('o.backup_storage_id', selection.storageKeys)
  if (selection.checksums !== undefined) whereChecksum(database, query, selection.checksums)
}
