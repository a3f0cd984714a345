import { VdcError } from '../../../core/errors.ts'
import type { Queryable } from '../../../db/database.ts'
import { selectObjectsAt, updateBackupObjects } from '../../../db/tables/backup-objects.ts'
import { selectStoragesByKey } from '../../../db/tables/backup-storages.ts'
import { selectStatesBeforeDeletion } from '../../../db/tables/histories.ts'
import { selectRowsByUuid } from '../../../db/tables/many-rows.ts'
import type { BackupObjectRow } from '../../../db/tables/rows.ts'
import { isDeleted, objectDeleted } from '../../backup-object/find.ts'
import { keepStorage } from '../../backup-storage/find.ts'
import { recordAllChanges } from '../../history/history.ts'
import { canonicalId, uuidsIn } from '../../rules/identifiers.ts'
import { DEFAULT_STATE } from '../../rules/values.ts'

/**
 * Locks the storages of deleted objects, before the objects themselves are locked: a purge of files locks them in this
 * order.
 *
 * @param ids canonical IDs of objects; those that are not deleted or do not exist are skipped.
 */
export async function keepStoragesOf(trx: Queryable, ids: Iterable<string>): Promise<void> {
  const objects = (await selectRowsByUuid(trx, 'backup_objects', uuidsIn('backupObject', [...ids]))).filter(isDeleted)
  const keys = new Set(objects.map((object) => object.backup_storage_id))
  for (const storage of await selectStoragesByKey(trx, [...keys]))
    if (storage.deleted_at === null) await keepStorage(trx, storage)
}

/**
 * Checks that an image can boot from an object, or could once the object is restored.
 *
 * @param id canonical ID of the image.
 * @param restoring the objects that the unit of work restores for other images; false if it restores none.
 * @returns the object if it must be restored, else nothing.
 * @throws VdcError OBJECT_CONFLICT, OBJECT_DELETED.
 */
export async function requireBootable(
  trx: Queryable,
  id: string,
  objectId: string,
  object: BackupObjectRow | undefined,
  restoring: readonly BackupObjectRow[] | false,
): Promise<BackupObjectRow[]> {
  if (object === undefined) {
    throw new VdcError('OBJECT_CONFLICT', `Image ${id} could not boot: its backup object ${objectId} does not exist`)
  }
  if (!isDeleted(object)) return []
  if (restoring === false) throw boundToDeleted(id, object)
  await requireRestorable(trx, id, object, restoring)
  return [object]
}

/**
 * Checks that a deleted object can be restored.
 *
 * @param imageId canonical ID of the image that needs it.
 * @param restoring the objects that the unit of work restores before.
 * @throws VdcError OBJECT_DELETED if its file was purged, or its storage is deleted; OBJECT_CONFLICT if another object
 *   is registered for its file.
 */
async function requireRestorable(
  trx: Queryable,
  imageId: string,
  object: BackupObjectRow,
  restoring: readonly BackupObjectRow[],
): Promise<void> {
  const id = canonicalId('backupObject', object.uuid)
  if (object.state === 'purged' || object.purged_at !== null) throw purged(imageId, object)
  const [storage] = await selectStoragesByKey(trx, [object.backup_storage_id])
  if (storage === undefined || storage.deleted_at !== null)
    throw new VdcError('OBJECT_DELETED', `Backup object ${id} cannot be restored: its backup storage is deleted`)
  const there = await selectObjectsAt(trx, object.backup_storage_id, object.object_key)
  const isThere = (each: BackupObjectRow) =>
    each.id !== object.id &&
    each.backup_storage_id === object.backup_storage_id &&
    each.object_key === object.object_key
  const other = there.find((each) => !isDeleted(each)) ?? restoring.find(isThere)
  if (other === undefined) return
  const otherId = canonicalId('backupObject', other.uuid)
  throw new VdcError(
    'OBJECT_CONFLICT',
    `Backup object ${id} cannot be restored: ${otherId} is registered for its file`,
    {
      hint: `Register a new image of it with: vdc-manage image add local ${otherId}`,
    },
  )
}

/** Returns the error for an image whose object is deleted, with the way out. */
function boundToDeleted(imageId: string, object: BackupObjectRow): VdcError {
  if (object.state === 'purged') return purged(imageId, object)
  const { code, message } = objectDeleted(object)
  return new VdcError(code, `${message}, so image ${imageId} could not boot`, {
    hint: `Restore both with: vdc-manage image undelete ${imageId} --with-object`,
  })
}

function purged(imageId: string, object: BackupObjectRow): VdcError {
  const { code, message } = objectDeleted(object)
  return new VdcError(code, `${message}, so image ${imageId} could not boot`, {
    hint: 'Its file was removed. Put the file back and register it as a new image with: vdc-manage image add local',
  })
}

/**
 * Restores deleted objects with the states that they had before, and records it. Their tags are not restored.
 *
 * @param objects locked rows, by canonical ID.
 * @param now the current time as stored in the tables.
 */
export async function restoreObjects(
  trx: Queryable,
  objects: ReadonlyMap<string, BackupObjectRow>,
  now: string,
): Promise<void> {
  const states = await selectStatesBeforeDeletion(trx, [...objects.keys()])
  const changes = Array.from(objects, ([id, row]) => {
    const columns = { deleted_at: null, state: states.get(id) ?? DEFAULT_STATE, updated_at: now }
    return { id, row, columns }
  })
  await updateBackupObjects(trx, new Map(changes.map(({ row, columns }) => [row.id, columns])))
  await recordAllChanges(
    trx,
    changes.map(({ id, columns }) => [id, columns]),
    now,
  )
}
