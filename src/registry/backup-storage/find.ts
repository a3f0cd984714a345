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
import { canonicalId, ENOUGH_IDS, idList, parseId } from '../rules/identifiers.ts'
import { ALL_FILES } from '../rules/values.ts'

/**
 * Finds the storage that an operator named for something else to lie in.
 *
 * @param storageId with or without prefix.
 * @throws VdcError VALUE_REFUSED when it is unknown or deleted.
 */
export async function requireStorage(db: Queryable, storageId: string): Promise<BackupStorageRow> {
  const uuid = parseId('backupStorage', storageId)
  const storage = await findAliveStorage(db, uuid)
  if (storage !== undefined) return storage
  const known = await selectStorageUuids(db, ENOUGH_IDS)
  throw new VdcError('VALUE_REFUSED', `There is no backup storage ${canonicalId('backupStorage', uuid)}`, {
    hint:
      known.length === 0
        ? 'There is none yet: vdc-manage backupstorage add makes one'
        : `It must be one of: ${idList('backupStorage', known)}`,
  })
}

/**
 * Keeps a storage, in which something is about to be written, as it is until the
 * unit of work ends.
 *
 * @throws VdcError DATABASE_BUSY when it was deleted meanwhile: looked for again, it isn't there.
 */
export async function keepStorage(db: Queryable, storage: BackupStorageRow): Promise<void> {
  const id = canonicalId('backupStorage', storage.uuid)
  await claimUse(db, id, ALL_FILES)
  if (await holdStorage(db, storage.id)) return
  throw new VdcError('DATABASE_BUSY', `The backup storage ${id} was deleted at this very moment`, { hint: 'Try again' })
}

/**
 * Finds the storage that is to be shown, deleted or not.
 *
 * @throws VdcError STORAGE_NOT_FOUND.
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
 * Finds the storage that an operator named to be looked into.
 *
 * @param storageId with or without prefix.
 * @throws VdcError VALUE_REFUSED, STORAGE_NOT_FOUND, also when it is deleted.
 */
export async function aliveStorage(db: Queryable, storageId: string): Promise<BackupStorageRow> {
  const uuid = parseId('backupStorage', storageId)
  const storage = await findAliveStorage(db, uuid)
  if (storage === undefined) throw storageNotFound(uuid)
  return storage
}

/** The error for a storage that isn't there. */
export function storageNotFound(uuid: string): VdcError {
  return new VdcError('STORAGE_NOT_FOUND', `There is no backup storage ${canonicalId('backupStorage', uuid)}`, {
    hint: 'vdc-manage backupstorage list --all shows those there are',
  })
}

/**
 * Finds the storages that an operator chooses by.
 *
 * @param ids with or without prefix; undefined where there is no such choice.
 * @returns the integer ids of all that have these, deleted or not.
 * @throws VdcError VALUE_REFUSED, STORAGE_NOT_FOUND.
 */
export async function storageKeysOf(db: Queryable, ids: readonly string[] | undefined): Promise<number[] | undefined> {
  if (ids === undefined) return undefined
  const keys: number[] = []
  for (const id of ids) {
    const uuid = parseId('backupStorage', id)
    const found = await selectStorageKeys(db, uuid)
    if (found.length === 0) throw storageNotFound(uuid)
    keys.push(...found)
  }
  return keys
}

/**
 * Finds the storage that is to be changed, and keeps others from changing it.
 *
 * @throws VdcError STORAGE_NOT_FOUND, STORAGE_DELETED.
 */
export async function storageToChange(db: Queryable, uuid: string): Promise<BackupStorageRow> {
  const storage = await existingStorage(db, uuid, { lock: 'update' })
  if (storage.deleted_at === null) return storage
  throw new VdcError(
    'STORAGE_DELETED',
    `The backup storage ${canonicalId('backupStorage', uuid)} is deleted, since ${isoTime(storage.deleted_at)}`,
  )
}
