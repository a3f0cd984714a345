import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { canonical } from '../sql/exact-text.ts'
import type { BackupObjectRow } from '../tables/rows.ts'
import { type Listing, listing } from './listing.ts'
import { number, text, time } from './order.ts'
import { LIVING_OBJECTS, type Selection, shownState, whereSelected } from './selection.ts'
import { type ChecksumChoice, joinObjectLabel, measuredSize, whereChecksum } from './with-label.ts'

/** Selects the backup objects of a list. */
export interface ObjectSelection
  extends Selection<'account_id' | 'container_format' | 'service_type' | 'display_name'> {
  /** Only objects in one of these storages, given by integer ID. */
  storageKeys?: readonly number[] | undefined
  /** Only objects with one of these checksums. */
  checksums?: ChecksumChoice | undefined
}

/** A row of the list: an object, and fields of its storage and of its labels, null if these do not exist. */
export type ObjectListRow = BackupObjectRow & {
  storage_uuid: string | null
  base_uri: string | null
  /** The value of the label for the virtual size: bytes as decimal text. */
  virtual_size: string | null
}

const COLUMNS = {
  id: text('o.uuid'),
  display_name: text('o.display_name'),
  account_id: text('o.account_id'),
  state: text({ of: (database) => shownState(database, LIVING_OBJECTS) }),
  service_type: text('o.service_type'),
  backup_storage_id: text('s.uuid'),
  container_format: text('o.container_format'),
  size: number('o.size'),
  allocation_size: number('o.allocation_size'),
  checksum: text('o.checksum'),
  created_at: time('o.created_at'),
  updated_at: time('o.updated_at'),
  deleted_at: time('o.deleted_at'),
}

/** Names of the labels that the list of objects uses. */
export interface ObjectLabels {
  /** The virtual size. */
  virtualSize: string
  /** The MD5 at the time when the virtual size was measured. */
  md5: string
}

/** Lists backup objects. */
export function objectListing(labels: ObjectLabels): Listing<ObjectListRow, ObjectSelection, keyof typeof COLUMNS> {
  const objectId = (database: Database) => canonical(database, 'bo-', 'o.uuid')
  const labelJoin = (alias: string, name: string) => ({
    alias,
    join: (database: Database, query: Knex.QueryBuilder) =>
      joinObjectLabel(database, query, { alias, name, objectId: objectId(database) }),
  })
  return listing({
    table: 'backup_objects',
    alias: 'o',
    columns: COLUMNS,
    others: {
      storage_uuid: 's.uuid',
      base_uri: 's.base_uri',
      virtual_size: { of: (database) => measuredSize(database, objectId(database)), joins: ['v', 'm'] },
    },
    joins: [
      { alias: 's', join: (_, query) => query.leftJoin('backup_storages as s', 's.id', 'o.backup_storage_id') },
      labelJoin('v', labels.virtualSize),
      labelJoin('m', labels.md5),
    ],
    choose(database, query, selection) {
      whereSelected(database, query, LIVING_OBJECTS, selection)
      if (selection.storageKeys !== undefined) query.whereIn('o.backup_storage_id', selection.storageKeys)
      if (selection.checksums !== undefined) whereChecksum(database, query, selection.checksums)
    },
  })
}
