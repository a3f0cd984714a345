import {
  findBackupObject,
  holdBackupObject,
  insertBackupObject,
  isBackupObjectUuidTaken,
  selectObjectsAt,
} from '../db/backup-objects.ts'
import type { Queryable } from '../db/database.ts'
import { insertLabels, selectLabels } from '../db/labels.ts'
import { BACKUP_OBJECT_COLUMNS, type BackupObjectRow, type BackupStorageRow } from '../db/rows.ts'
import { lostRace } from '../db/unit-of-work.ts'
import { VdcError } from '../errors.ts'
import { recordCreation } from './history.ts'
import { canonicalId, derivedUuid } from './identifiers.ts'
import { labelsOf, newLabel } from './labels.ts'
import { isKeyable, objectKeyIn } from './local-uri.ts'
import { SHA256_LABEL, VIRTUAL_SIZE_LABEL } from './values.ts'

/** A file whose bytes are known, as a backup object holds it. */
export interface StoredFile {
  path: string
  /** Its URI, as the agents read it. */
  uri: string
  /** Bytes of the file. */
  size: number
  /** Bytes of the disk that the file is an image of. */
  virtualSize: number
  /** Hex. */
  md5: string
  sha256: string
}

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
  const sha256 = labelsOf(await selectLabels(db, [id]), id)[SHA256_LABEL]
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
 * @param ownerId canonical id of the account that is to own it.
 * @returns its canonical id.
 */
export async function createObject(
  db: Queryable,
  storage: BackupStorageRow,
  file: StoredFile,
  options: { ownerId: string; displayName: string; serviceType: string },
  now: string,
): Promise<string> {
  const objectKey = objectKeyIn(file.uri, storage.base_uri)
  const uuid = await freeUuid(db, storage, objectKey)
  const id = canonicalId('backupObject', uuid)
  const row = {
    account_id: options.ownerId,
    uuid,
    display_name: options.displayName,
    service_type: options.serviceType,
    backup_storage_id: storage.id,
    size: file.size,
    allocation_size: file.size,
    container_format: 'none',
    status: 0,
    state: 'available',
    object_key: objectKey,
    checksum: file.md5,
    description: null,
    progress: 100,
    deleted_at: null,
    created_at: now,
    updated_at: now,
    purged_at: null,
    source_volume_id: '',
  }
  await insertBackupObject(db, row)
  await recordCreation(db, id, BACKUP_OBJECT_COLUMNS, row, now)
  await insertLabels(db, [
    newLabel(id, SHA256_LABEL, file.sha256, now),
    newLabel(id, VIRTUAL_SIZE_LABEL, String(file.virtualSize), now),
  ])
  return id
}

/** A uuid once used stays taken, so a deleted object of the same file makes the next one use another. */
async function freeUuid(db: Queryable, storage: BackupStorageRow, objectKey: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const uuid = derivedUuid(`${storage.uuid}\n${objectKey}`, attempt)
    if (!(await isBackupObjectUuidTaken(db, uuid))) return uuid
    // Asked after that, and not before: whoever took it may have committed in between.
    const taken = await findBackupObject(db, uuid)
    const isIt = taken?.deleted_at === null && taken.backup_storage_id === storage.id && taken.object_key === objectKey
    if (isIt) throw lostRace(`a backup object for ${storage.base_uri}${objectKey}`)
  }
}
