import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { findAliveStorage, selectLocalStorages } from '../../db/tables/backup-storages.ts'
import type { BackupStorageRow } from '../../db/tables/rows.ts'
import { lostRace } from '../../db/transactions/unit-of-work.ts'
import { canonicalId, derivedUuid } from '../rules/identifiers.ts'
import { requireStorage } from './find.ts'
import { folderUri, possibleBaseUris } from './local-uri.ts'
import { isUuidTaken, writeStorage } from './write.ts'

/**
 * Finds the storages that contain a file: the given one, or all local ones whose
 * base_uri is a prefix of the file's URI, longest first.
 *
 * @param storageId given by the user, with or without prefix.
 * @param preferredId canonical ID of the storage to put first if it contains the file.
 * @throws VdcError VALUE_REFUSED if the given storage does not exist or does not contain the file.
 */
export async function storagesOf(
  db: Queryable,
  uri: string,
  storageId: string | undefined,
  preferredId?: string,
): Promise<BackupStorageRow[]> {
  if (storageId === undefined) {
    const storages = await selectLocalStorages(db, possibleBaseUris(uri))
    const isPreferred = (storage: BackupStorageRow) => canonicalId('backupStorage', storage.uuid) === preferredId
    return [...storages.filter(isPreferred), ...storages.filter((storage) => !isPreferred(storage))]
  }
  const storage = await requireStorage(db, storageId)
  if (!possibleBaseUris(uri).includes(storage.base_uri)) {
    throw new VdcError(
      'VALUE_REFUSED',
      `File ${uri} is not in backup storage ${canonicalId('backupStorage', storage.uuid)}, whose base URI is ${storage.base_uri}`,
      {
        hint: 'Move the file there, or omit --storage-id',
      },
    )
  }
  return [storage]
}

/**
 * Creates a local storage for the folder of a file. Must run within a unit of work.
 * The UUID is derived from base_uri, so two processes that create the storage at once
 * collide and share it (docs/decisions/0003).
 *
 * @param now as stored in the tables.
 * @throws VdcError FILE_REFUSED if the folder's URI is too long.
 */
export async function createLocalStorage(db: Queryable, uri: string, now: string): Promise<BackupStorageRow> {
  const baseUri = folderUri(uri)
  const uuid = await freeUuid(db, baseUri)
  const row = {
    uuid,
    display_name: baseUri.slice('file://'.length),
    storage_type: 'local',
    description: null,
    base_uri: baseUri,
    deleted_at: null,
    created_at: now,
    updated_at: now,
    node_id: null,
  }
  return writeStorage(db, row)
}

/** Returns a free UUID. UUIDs are never reused, so the storage gets another UUID if an earlier one of the same folder was deleted. */
async function freeUuid(db: Queryable, baseUri: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const uuid = derivedUuid(baseUri, attempt)
    if (!(await isUuidTaken(db, uuid))) return uuid
    // This query must come second: the process that took the UUID may have committed in between.
    if ((await findAliveStorage(db, uuid))?.base_uri === baseUri) throw lostRace(`a backup storage for ${baseUri}`)
  }
}
