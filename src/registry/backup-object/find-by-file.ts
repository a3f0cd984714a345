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
 * Finds, within a unit of work, the object that is this very file, unchanged.
 *
 * @param storages those that the file lies in, as `storagesOf` finds them.
 * @returns its canonical id, or undefined where the file was never registered.
 * @throws VdcError FILE_CHANGED when the file isn't what was registered,
 *   OBJECT_CONFLICT when that object isn't available.
 */
export async function findObjectOf(
  db: Queryable,
  storages: readonly BackupStorageRow[],
  file: StoredFile,
): Promise<string | undefined> {
  let conflict: VdcError | undefined
  for (const storage of storages) {
    // No object of that storage can be so deep.
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
      `The file ${file.path} is not what was registered as ${id}: that has ${object.allocation_size} bytes and MD5 ${object.checksum || 'none'}, the file ${file.size} bytes and MD5 ${file.md5}`,
      { hint: `Images that use ${id} expect the old bytes: give the new file another name and register that` },
    )
  }
  if (object.state !== 'available') {
    return new VdcError(
      'OBJECT_CONFLICT',
      `The file ${file.path} is the backup object ${id}, which is in state ${object.state}, not available`,
    )
  }
  return undefined
}

/**
 * Makes the backup object of a file, with its labels and history, within a unit
 * of work. Its uuid comes from the place of the file, so that two processes
 * which do this at the same moment collide and share it (docs/decisions/0003).
 *
 * @param attributes its owner's canonical id, and what else an operator says of it.
 * @returns its canonical id.
 */
export async function createObject(
  db: Queryable,
  storage: BackupStorageRow,
  file: StoredFile,
  attributes: Pick<BackupObjectRow, 'account_id' | 'display_name' | 'service_type'>,
  now: string,
): Promise<string> {
  await keepStorage(db, storage)
  // Until now a purge may have removed it, as what a deleted object left.
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
 * The uuid of the object at a place: a uuid once used stays taken, so a deleted
 * object of the same file makes the next one use another.
 *
 * @throws VdcError DATABASE_BUSY when another process is storing this very object.
 */
export async function freeUuid(db: Queryable, storage: BackupStorageRow, objectKey: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const uuid = derivedUuid(`${storage.uuid}\n${objectKey}`, attempt)
    if (!(await isTaken(db, uuid))) return uuid
    // Asked after that, and not before: whoever took it may have committed in between.
    const taken = await findBackupObject(db, uuid)
    const isIt = taken?.deleted_at === null && taken.backup_storage_id === storage.id && taken.object_key === objectKey
    if (isIt) throw lostRace(`a backup object for ${storage.base_uri}${objectKey}`)
  }
}

/** Labels that are left of a row that somebody removed keep its uuid taken, too: the new object could not have its own. */
async function isTaken(db: Queryable, uuid: string): Promise<boolean> {
  const labels = await selectLabels(db, [canonicalId('backupObject', uuid)])
  return labels.length > 0 || (await isBackupObjectUuidTaken(db, uuid))
}
