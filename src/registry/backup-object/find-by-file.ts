import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import {
  findBackupObject,
  holdBackupObject,
  isBackupObjectUuidTaken,
  selectObjectsAt,
} from '../../db/tables/backup-objects.ts'
import { selectLabels } from '../../db/tables/labels.ts'
import type { BackupObjectRow, BackupStorageRow } from '../../db/tables/rows.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import { lostRace } from '../../db/transactions/unit-of-work.ts'
import { requireThere } from '../../disk/file/image-file.ts'
import { keepStorage } from '../backup-storage/find.ts'
import { isKeyable, objectKeyIn } from '../backup-storage/local-uri.ts'
import { canonicalId, derivedUuid } from '../rules/identifiers.ts'
import { SHA256_LABEL } from '../rules/values.ts'
import { labelsThatCount } from './labels.ts'
import type { StoredFile } from './stored-file.ts'
import { contentsOf, newObjectRow, writeObject } from './write.ts'

/**
 * Finds the object of a file whose bytes have not changed since it was registered.
 * Must run within a unit of work.
 *
 * @param storages the storages that contain the file, as returned by `storagesOf`.
 * @returns the canonical ID, or undefined if the file is not registered.
 * @throws VdcError FILE_CHANGED if the file differs from the registered one;
 *   OBJECT_CONFLICT if its object is not available.
 */
export async function findObjectOf(
  db: Queryable,
  storages: readonly BackupStorageRow[],
  file: StoredFile,
): Promise<string | undefined> {
  let conflict: VdcError | undefined
  for (const storage of storages) {
    // The key would be too long, so no object of this storage can have it.
    if (!isKeyable(file.uri, storage.base_uri)) continue
    for (const object of await selectObjectsAt(db, storage.id, objectKeyIn(file.uri, storage.base_uri))) {
      const id = canonicalId('backupObject', object.uuid)
      await claimUse(db, id)
      const why = await conflictWith(db, object, file)
      if (why === undefined && (await holdBackupObject(db, object.id))) return id
      conflict ??= why
    }
  }
  if (conflict !== undefined) throw conflict
  return undefined
}

async function conflictWith(db: Queryable, object: BackupObjectRow, file: StoredFile): Promise<VdcError | undefined> {
  const id = canonicalId('backupObject', object.uuid)
  const sha256 = (await labelsThatCount(db, await selectLabels(db, [id]), object))[SHA256_LABEL]
  const same =
    Number(object.allocation_size) === file.size &&
    object.checksum.toLowerCase() === file.md5 &&
    (sha256 === undefined || sha256 === file.sha256)
  if (!same) {
    return new VdcError(
      'FILE_CHANGED',
      `File ${file.path} has changed since it was registered as ${id}: the object has ${object.allocation_size} bytes and MD5 ${object.checksum || 'none'}, the file has ${file.size} bytes and MD5 ${file.md5}`,
      { hint: `Images that use ${id} expect the old contents. Rename the new file, then register it` },
    )
  }
  if (object.state !== 'available') {
    return new VdcError(
      'OBJECT_CONFLICT',
      `File ${file.path} belongs to backup object ${id}, which is in state ${object.state}, not available`,
    )
  }
  return undefined
}

/**
 * Creates the backup object of a file, with its labels and history. Must run within a
 * unit of work. The UUID is derived from the location of the file, so two processes that
 * register the same file at once collide and share one object (docs/decisions/0003).
 *
 * @param attributes the canonical ID of the owner, and other columns set by the user.
 * @returns the canonical ID.
 */
export async function createObject(
  db: Queryable,
  storage: BackupStorageRow,
  file: StoredFile,
  attributes: Pick<BackupObjectRow, 'account_id' | 'display_name' | 'service_type'>,
  now: string,
): Promise<string> {
  await keepStorage(db, storage)
  // Until keepStorage returned, a purge may have removed the file as a leftover of a deleted object.
  if (file.opened !== undefined) await requireThere(file.opened)
  const objectKey = objectKeyIn(file.uri, storage.base_uri)
  const row = newObjectRow(storage, now, {
    ...attributes,
    uuid: await freeUuid(db, storage, objectKey),
    object_key: objectKey,
    ...contentsOf(file),
  })
  return writeObject(db, row, file)
}

/**
 * Returns a free UUID for the object at a location. UUIDs are never reused, so the object
 * gets another UUID if an earlier one of the same file was deleted.
 *
 * @throws VdcError DATABASE_BUSY if another process is storing the same object.
 */
export async function freeUuid(db: Queryable, storage: BackupStorageRow, objectKey: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const uuid = derivedUuid(`${storage.uuid}\n${objectKey}`, attempt)
    if (!(await isTaken(db, uuid))) return uuid
    // This query must come second: the process that took the UUID may have committed in between.
    const taken = await findBackupObject(db, uuid)
    const isIt = taken?.deleted_at === null && taken.backup_storage_id === storage.id && taken.object_key === objectKey
    if (isIt) throw lostRace(`a backup object for ${storage.base_uri}${objectKey}`)
  }
}

/**
 * Returns whether a UUID is taken. Labels left behind by a removed row also take it, as
 * they would conflict with those of the new object.
 */
async function isTaken(db: Queryable, uuid: string): Promise<boolean> {
  const labels = await selectLabels(db, [canonicalId('backupObject', uuid)])
  return labels.length > 0 || (await isBackupObjectUuidTaken(db, uuid))
}
