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
 * Finds the storages that a file may be said to lie in: the one that is named,
 * or all local ones whose base_uri is a prefix of its URI, the longest first.
 *
 * @param storageId given by the operator, with or without prefix.
 * @param preferredId canonical id of the one that comes first where the file lies in it.
 * @throws VdcError VALUE_REFUSED when the named storage is unknown, or the file isn't in it.
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
      `The file ${uri} does not lie in the backup storage ${canonicalId('backupStorage', storage.uuid)}, which begins at ${storage.base_uri}`,
      {
        hint: 'Move the file there, or leave --storage-id out',
      },
    )
  }
  return [storage]
}

/**
 * Makes a local storage for the folder of a file, within a unit of work. Its
 * uuid comes from its base_uri, so that two processes which do this at the same
 * moment collide and share it (docs/decisions/0003).
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

/** A uuid once used stays taken, so a deleted storage of the same folder makes the next one use another. */
async function freeUuid(db: Queryable, baseUri: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const uuid = derivedUuid(baseUri, attempt)
    if (!(await isUuidTaken(db, uuid))) return uuid
    // Asked after that, and not before: whoever took it may have committed in between.
    if ((await findAliveStorage(db, uuid))?.base_uri === baseUri) throw lostRace(`a backup storage for ${baseUri}`)
  }
}
