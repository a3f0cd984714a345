import type { Queryable } from '../database.ts'
import { marks, select } from '../statement.ts'
import { type Lock, locked } from '../transactions/locks.ts'
import type { BackupStorageRow, NewRow } from './rows.ts'
import { insertRow, updateRow } from './writes.ts'

/**
 * Finds a storage, deleted or not, by its exact uuid. The table has no unique index: of
 * several rows with the uuid, returns the oldest that is not deleted, or else the oldest.
 */
export async function findStorage(
  db: Queryable,
  uuid: string,
  options: { lock?: Lock } = {},
): Promise<BackupStorageRow | undefined> {
  const all = 'SELECT * FROM backup_storages WHERE uuid = ? ORDER BY id'
  const rows = await select<BackupStorageRow>(db, all, [uuid], options.lock)
  const exact = rows.filter((row) => row.uuid === uuid)
  return exact.find((row) => row.deleted_at === null) ?? exact[0]
}

/** Returns the integer IDs of all storages, deleted or not, that have exactly this uuid. */
export async function selectStorageKeys(db: Queryable, uuid: string): Promise<number[]> {
  const rows: BackupStorageRow[] = await db<BackupStorageRow>('backup_storages').where({ uuid }).orderBy('id')
  return rows.filter((row) => row.uuid === uuid).map((row) => row.id)
}

/** Finds a storage that is not deleted by its exact uuid. Returns undefined if there is none. */
export async function findAliveStorage(db: Queryable, uuid: string): Promise<BackupStorageRow | undefined> {
  const storage = await findStorage(db, uuid)
  return storage?.deleted_at === null ? storage : undefined
}

/** Finds a storage, deleted or not, by its integer ID. Returns undefined if there is none. */
export async function findStorageByKey(db: Queryable, id: number): Promise<BackupStorageRow | undefined> {
  return (await select<BackupStorageRow>(db, 'SELECT * FROM backup_storages WHERE id = ?', [id]))[0]
}

/** Returns all storages that are local or have a `file:` URI, deleted or not, oldest first. */
export async function selectStoragesOfFiles(db: Queryable, options: { lock?: Lock } = {}): Promise<BackupStorageRow[]> {
  const query = db<BackupStorageRow>('backup_storages')
    .where((either) => either.where({ storage_type: 'local' }).orWhere('base_uri', 'like', 'file:%'))
    .orderBy('id')
  return locked(query, options.lock)
}

/** Returns the storages, deleted or not, with these integer IDs. */
export async function selectStoragesByKey(db: Queryable, ids: readonly number[]): Promise<BackupStorageRow[]> {
  return ids.length === 0 ? [] : select(db, `SELECT * FROM backup_storages WHERE id IN ${marks(ids)}`, ids)
}

/** Keeps a storage from being changed until the transaction ends. Returns false if it is deleted. */
export async function holdStorage(db: Queryable, id: number): Promise<boolean> {
  const alive = 'SELECT id FROM backup_storages WHERE id = ? AND deleted_at IS NULL'
  return (await select(db, alive, [id], 'share')).length > 0
}

/** Returns true if a storage, deleted or not, has this uuid, ignoring case. */
export async function isStorageUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  return (await select(db, 'SELECT id FROM backup_storages WHERE uuid = ?', [uuid])).length > 0
}

/** Returns the local storages that are not deleted and have one of the base URIs; longest URI first, then oldest. */
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

/** Returns the uuids of the first `limit` storages that are not deleted, for messages. */
export async function selectStorageUuids(db: Queryable, limit: number): Promise<string[]> {
  return db('backup_storages').whereNull('deleted_at').orderBy('id').limit(limit).pluck('uuid')
}

/** Inserts a storage. Returns its integer ID. */
export async function insertStorage(db: Queryable, row: NewRow<BackupStorageRow>): Promise<number> {
  return insertRow(db, 'backup_storages', row)
}

/** Changes columns of a storage, given by integer ID. */
export async function updateStorage(db: Queryable, id: number, changes: Partial<BackupStorageRow>): Promise<void> {
  await updateRow(db, 'backup_storages', id, changes)
}
