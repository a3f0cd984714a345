import type { Queryable } from './database.ts'
import type { BackupObjectRow, NewRow } from './rows.ts'

/** Finds an object, deleted or not, by its exact uuid. */
export async function findBackupObject(db: Queryable, uuid: string): Promise<BackupObjectRow | undefined> {
  const rows: BackupObjectRow[] = await db<BackupObjectRow>('backup_objects').where({ uuid })
  return rows.find((row) => row.uuid === uuid)
}

/** Says whether some row has this uuid, deleted or not, whatever its case. */
export async function isBackupObjectUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  return (await db('backup_objects').where({ uuid }).first('id')) !== undefined
}

/** The objects that aren't deleted and lie in the storage under exactly this key, oldest first. */
export async function selectObjectsAt(
  db: Queryable,
  storageKey: number,
  objectKey: string,
): Promise<BackupObjectRow[]> {
  const rows: BackupObjectRow[] = await db<BackupObjectRow>('backup_objects')
    .where({ backup_storage_id: storageKey, object_key: objectKey })
    .whereNull('deleted_at')
    .orderBy('id')
  return rows.filter((row) => row.object_key === objectKey)
}

/** Keeps an object as it is until the transaction ends; false when it was deleted meanwhile. */
export async function holdBackupObject(db: Queryable, id: number): Promise<boolean> {
  return (await db('backup_objects').where({ id }).whereNull('deleted_at').forShare().first('id')) !== undefined
}

export async function insertBackupObject(db: Queryable, row: NewRow<BackupObjectRow>): Promise<void> {
  await db('backup_objects').insert(row)
}
