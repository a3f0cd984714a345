import type { Queryable } from './database.ts'
import type { AccountRow, BackupObjectRow, BackupStorageRow, ImageRow, LabelRow } from './rows.ts'

/** The tables that hold the registry, and their rows. */
export interface Tables {
  accounts: AccountRow
  backup_storages: BackupStorageRow
  backup_objects: BackupObjectRow
  images: ImageRow
  resource_labels: LabelRow
}

type WithUuid = Exclude<keyof Tables, 'resource_labels'>

/** Rows that one INSERT takes: SQLite allows 500 terms in what knex makes of it. */
const INSERTED = 400

/** The first `limit` rows of a table whose integer id is above `after`, in the order of that. */
export async function selectRowsAfter<T extends keyof Tables>(
  db: Queryable,
  table: T,
  after: number,
  limit: number,
): Promise<Tables[T][]> {
  return db(table).where('id', '>', after).orderBy('id').limit(limit) as never
}

/** The rows, deleted or not, that have one of these uuids, whatever its case; oldest first. */
export async function selectRowsByUuid<T extends WithUuid>(
  db: Queryable,
  table: T,
  uuids: readonly string[],
): Promise<Tables[T][]> {
  return uuids.length === 0 ? [] : (db(table).whereIn('uuid', uuids).orderBy('id') as never)
}

/** Inserts rows of one table, which may be many. */
export async function insertRows<T extends object>(db: Queryable, table: string, rows: readonly T[]): Promise<void> {
  for (let start = 0; start < rows.length; start += INSERTED) {
    await db(table).insert(rows.slice(start, start + INSERTED))
  }
}
