import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import {
  findAliveStorage,
  findStorage,
  holdStorage,
  selectStorageKeys,
  selectStorageUuids,
} from '../../db/tables/backup-storages.ts'
import type { BackupStorageRow } from '../../db/tables/rows.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import type { Lock } from '../../db/transactions/locks.ts'
import { byIdOrName, findByIdOrName } from '../names/by-id-or-name.ts'
import { canonicalId, ENOUGH_IDS, idList } from '../rules/identifiers.ts'
import { ALL_FILES } from '../rules/values.ts'

/**
 * Finds the storage for a new object, given by the user.
 *
 * @param storageId with or without prefix, or a display name.
 * @throws VdcError VALUE_REFUSED if the ID is not valid, or the storage does not exist or is deleted.
 */
export async function requireStorage(db: Queryable, storageId: string): Promise<BackupStorageRow> {
  const { uuid, found } = await findByIdOrName(db, 'backupStorage', storageId, (uuid) => findAliveStorage(db, uuid))
  if (found !== undefined) return found
  const known = await selectStorageUuids(db, ENOUGH_IDS)
  throw new VdcError('VALUE_REFUSED', `Backup storage ${canonicalId('backupStorage', uuid)} does not exist`, {
    hint:
      known.length === 0
        ? 'There are no backup storages yet. Create one with: vdc-manage backupstorage add'
        : `Use one of: ${idList('backupStorage', known)}`,
  })
}

/**
 * Locks a storage until the unit of work ends, before an object is written to it.
 *
 * @throws VdcError DATABASE_BUSY if it was deleted since it was found. The unit of work
 *   then runs again and does not find it.
 */
export async function keepStorage(db: Queryable, storage: BackupStorageRow): Promise<void> {
  const id = canonicalId('backupStorage', storage.uuid)
  await claimUse(db, id, ALL_FILES)
  if (await holdStorage(db, storage.id)) return
  throw new VdcError('DATABASE_BUSY', `Backup storage ${id} has just been deleted`, { hint: 'Try again' })
}

/**
 * Finds a storage, deleted or not.
 *
 * @throws VdcError STORAGE_NOT_FOUND if it does not exist.
 */
export async function existingStorage(
  db: Queryable,
  uuid: string,
  options: { lock?: Lock } = {},
): Promise<BackupStorageRow> {
  const storage = await findStorage(db, uuid, options)
  if (storage !== undefined) return storage
  throw storageNotFound(uuid)
}

/**
 * Finds a storage that is not deleted.
 *
 * @param storageId with or without prefix, or a display name.
 * @throws VdcError VALUE_REFUSED if the ID is not valid; STORAGE_NOT_FOUND if the storage
 *   does not exist or is deleted.
 */
export async function aliveStorage(db: Queryable, storageId: string): Promise<BackupStorageRow> {
  const { uuid, found } = await findByIdOrName(db, 'backupStorage', storageId, (uuid) => findAliveStorage(db, uuid))
  if (found === undefined) throw storageNotFound(uuid)
  return found
}

/** Returns the error for a storage that does not exist. */
export function storageNotFound(uuid: string): VdcError {
  return new VdcError('STORAGE_NOT_FOUND', `Backup storage ${canonicalId('backupStorage', uuid)} does not exist`, {
    hint: 'List all backup storages with: vdc-manage backupstorage list --all',
  })
}

/**
 * Finds the storages by which a list is filtered.
 *
 * @param ids with or without prefix, or display names; undefined if there is no such filter.
 * @returns the integer IDs of all matching rows, deleted or not.
 * @throws VdcError VALUE_REFUSED if an ID is not valid; STORAGE_NOT_FOUND if one does not exist.
 */
export async function storageKeysOf(db: Queryable, ids: readonly string[] | undefined): Promise<number[] | undefined> {
  if (ids === undefined) return undefined
  const keys: number[] = []
  for (const id of ids) {
    const found = await byIdOrName(db, 'backupStorage', id, async (uuid) => {
      const rows = await selectStorageKeys(db, uuid)
      if (rows.length === 0) throw storageNotFound(uuid)
      return rows
    })
    keys.push(...found)
  }
  return keys
}

/**
 * Finds the storage to change and locks it until the unit of work ends.
 *
 * @throws VdcError STORAGE_NOT_FOUND if it does not exist; STORAGE_DELETED if it is deleted.
 */
export async function storageToChange(db: Queryable, uuid: string): Promise<BackupStorageRow> {
  const storage = await existingStorage(db, uuid, { lock: 'update' })
  if (storage.deleted_at === null) return storage
  throw new VdcError(
    'STORAGE_DELETED',
    `Backup storage ${canonicalId('backupStorage', uuid)} was deleted at ${isoTime(storage.deleted_at)}`,
  )
}
