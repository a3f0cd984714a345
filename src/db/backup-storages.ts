import type { Queryable } from './database.ts'
import type { BackupStorageRow, NewRow } from './rows.ts'

/** Finds a storage that isn't deleted by its exact uuid. Two rows may have one; the older counts. */
export async function findAliveStorage(db: Queryable, uuid: string): Promise<BackupStorageRow | undefined> {
  const rows: BackupStorageRow[] = await db<BackupStorageRow>('backup_storages')
    .where({ uuid })
    .whereNull('deleted_at')
    .orderBy('id')
  return rows.find((row) => row.uuid === uuid)
}

export async function findStorageByKey(db: Queryable, id: number): Promise<BackupStorageRow | undefined> {
  return db<BackupStorageRow>('backup_storages').where({ id }).first()
}

/** Says whether some row has this uuid, deleted or not, whatever its case. */
export async function isStorageUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  return (await db('backup_storages').where({ uuid }).first('id')) !== undefined
}

/** The local storages that aren't deleted and whose base_uri is one of `baseUris`, longest first, then oldest. */
export async function selectLocalStorages(db: Queryable, baseUris: readonly string[]): Promise<BackupStorageRow[]> {
  const rows: BackupStorageRow[] = await db<BackupStorageRow>('backup_storages')
    .where({ storage_type: 'local' })
    .whereNull('deleted_at')
    .whereIn('base_uri', baseUris)
    .orderBy('id')
  const exact = new Set(baseUris)
  return rows
    .filter((row) => exact.has(row.base_uri))
    .sort((a, b) => b.base_uri.length - a.base_uri.length || a.id - b.id)
}

/** The uuids of the first `limit` storages that aren't deleted, for messages. */
export async function selectStorageUuids(db: Queryable, limit: number): Promise<string[]> {
  return db('backup_storages').whereNull('deleted_at').orderBy('id').limit(limit).pluck('uuid')
}

/** @returns the integer id of the new row. */
export async function insertStorage(db: Queryable, row: NewRow<BackupStorageRow>): Promise<number> {
  const [id] = await db('backup_storages').insert(row)
  return id as number
}
