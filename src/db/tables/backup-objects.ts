import type { Queryable } from '../database.ts'
import { completeRow } from '../schema/wakame-schema.ts'
import { select } from '../statement.ts'
import type { Lock } from '../transactions/locks.ts'
import type { BackupObjectRow, NewRow } from './rows.ts'
import { insertRow, updateRow, updateRows } from './writes.ts'

/** Values in one query at most; SQLite allows 32,766. */
const MOST_KEYS = 10_000

/** Finds an object, deleted or not, by its exact uuid. Returns undefined if there is none. */
export async function findBackupObject(
  db: Queryable,
  uuid: string,
  options: { lock?: Lock } = {},
): Promise<BackupObjectRow | undefined> {
  const rows = await select<BackupObjectRow>(db, 'SELECT * FROM backup_objects WHERE uuid = ?', [uuid], options.lock)
  // The collation ignores case and trailing spaces.
  const row = rows.find((row) => row.uuid === uuid)
  return row && completeRow('backup_objects', row)
}

/** Returns the uuids of objects that have more than `longerThan` characters. */
export async function selectLongUuids(db: Queryable, longerThan: number): Promise<string[]> {
  return db<BackupObjectRow>('backup_objects').whereRaw('LENGTH(uuid) > ?', [longerThan]).pluck('uuid')
}

/** Returns true if an object, deleted or not, has this uuid, ignoring case. */
export async function isBackupObjectUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  return (await select(db, 'SELECT id FROM backup_objects WHERE uuid = ?', [uuid])).length > 0
}

/** Returns the objects that are not deleted and have exactly this object key in a storage, oldest first. */
export async function selectObjectsAt(
  db: Queryable,
  storageKey: number,
  objectKey: string,
): Promise<BackupObjectRow[]> {
  const rows = await select<BackupObjectRow>(
    db,
    'SELECT * FROM backup_objects WHERE backup_storage_id = ? AND object_key = ? AND deleted_at IS NULL ORDER BY id',
    [storageKey, objectKey],
  )
  return rows.filter((row) => row.object_key === objectKey)
}

/**
 * Returns the objects, deleted or not, that have one of these object keys in one of the
 * storages, given by integer ID. Objects whose file was purged are left out.
 */
export async function selectObjectsUnder(
  db: Queryable,
  storageKeys: readonly number[],
  objectKeys: readonly string[],
): Promise<BackupObjectRow[]> {
  if (storageKeys.length === 0 || objectKeys.length === 0) return []
  const rows: BackupObjectRow[] = []
  for (let start = 0; start < objectKeys.length; start += MOST_KEYS) {
    const some = await db<BackupObjectRow>('backup_objects')
      .whereIn('backup_storage_id', storageKeys)
      .whereIn('object_key', objectKeys.slice(start, start + MOST_KEYS))
      .whereNot('state', 'purged')
    rows.push(...(some as BackupObjectRow[]))
  }
  const exact = new Set(objectKeys)
  return rows.filter((row) => exact.has(row.object_key))
}

/** Returns the first `limit` objects of a storage that are not deleted and have an integer ID above `after`. */
export async function selectAliveIn(
  db: Queryable,
  storageKey: number,
  after: number,
  limit: number,
): Promise<BackupObjectRow[]> {
  return db<BackupObjectRow>('backup_objects')
    .where({ backup_storage_id: storageKey })
    .whereNull('deleted_at')
    .whereNotIn('state', ['deleted', 'purged'])
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
}

/** Returns the uuids of the first `limit` objects of a storage that are not deleted. */
export async function selectUuidsInStorage(db: Queryable, storageKey: number, limit: number): Promise<string[]> {
  return db('backup_objects')
    .where({ backup_storage_id: storageKey })
    .whereNull('deleted_at')
    .whereNotIn('state', ['deleted', 'purged'])
    .orderBy('id')
    .limit(limit)
    .pluck('uuid')
}

/** Keeps an object from being changed until the transaction ends. Returns false if it is deleted. */
export async function holdBackupObject(db: Queryable, id: number): Promise<boolean> {
  const alive = 'SELECT id FROM backup_objects WHERE id = ? AND deleted_at IS NULL'
  return (await select(db, alive, [id], 'share')).length > 0
}

/** Inserts an object. */
export async function insertBackupObject(db: Queryable, row: NewRow<BackupObjectRow>): Promise<void> {
  await insertRow(db, 'backup_objects', row)
}

/** Changes columns of an object, given by integer ID. */
export async function updateBackupObject(db: Queryable, id: number, changes: Partial<BackupObjectRow>): Promise<void> {
  await updateRow(db, 'backup_objects', id, changes)
}

/** Changes columns of objects, given by integer ID. */
export async function updateBackupObjects(
  db: Queryable,
  changes: ReadonlyMap<number, Partial<BackupObjectRow>>,
): Promise<void> {
  await updateRows(db, 'backup_objects', changes)
}
