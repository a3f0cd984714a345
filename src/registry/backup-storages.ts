import {
  findAliveStorage,
  insertStorage,
  isStorageUuidTaken,
  selectLocalStorages,
  selectStorageUuids,
} from '../db/backup-storages.ts'
import type { Queryable } from '../db/database.ts'
import { insertLabels, selectLabels } from '../db/labels.ts'
import type { BackupStorageRow } from '../db/rows.ts'
import { lostRace } from '../db/unit-of-work.ts'
import { VdcError } from '../errors.ts'
import { canonicalId, derivedUuid, parseId } from './identifiers.ts'
import { newLabel } from './labels.ts'
import { folderUri, possibleBaseUris } from './local-uri.ts'
import { CLAIM_LABEL } from './values.ts'

/** How many ids a message names. */
const NAMED = 10

/**
 * Finds the storages that a file may be said to lie in: the one that is named,
 * or all local ones whose base_uri is a prefix of its URI, the longest first.
 *
 * @param storageId given by the operator, with or without prefix.
 * @throws VdcError VALUE_REFUSED when the named storage is unknown, or the file isn't in it.
 */
export async function storagesOf(
  db: Queryable,
  uri: string,
  storageId: string | undefined,
): Promise<BackupStorageRow[]> {
  if (storageId === undefined) return selectLocalStorages(db, possibleBaseUris(uri))
  const uuid = parseId('backupStorage', storageId)
  const id = canonicalId('backupStorage', uuid)
  const storage = await findAliveStorage(db, uuid)
  if (storage === undefined) {
    const uuids = await selectStorageUuids(db, NAMED + 1)
    const names = uuids.slice(0, NAMED).map((known) => canonicalId('backupStorage', known))
    throw new VdcError('VALUE_REFUSED', `There is no backup storage ${id}`, {
      hint:
        names.length === 0
          ? 'There is none yet: leave --storage-id out, and one is made for the file’s folder'
          : `It must be one of: ${names.join(', ')}${uuids.length > NAMED ? ', …' : ''}; or leave it out`,
    })
  }
  if (!possibleBaseUris(uri).includes(storage.base_uri)) {
    throw new VdcError(
      'VALUE_REFUSED',
      `The file ${uri} does not lie in the backup storage ${id}, which begins at ${storage.base_uri}`,
      {
        hint: 'Move the file there, or leave --storage-id out',
      },
    )
  }
  return [storage]
}

/**
 * Makes a local storage for the folder of a file, within a unit of work.
 *
 * Its uuid comes from its base_uri, and a label with a unique key claims it, so
 * that of two processes which do this at the same moment one fails with a
 * duplicate key, runs its unit of work again and finds the other's. That holds
 * on a Galera cluster too, where row locks do not (docs/decisions/0003).
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
  await insertLabels(db, [newLabel(canonicalId('backupStorage', uuid), CLAIM_LABEL, baseUri, now)])
  return { ...row, id: await insertStorage(db, row) }
}

/** A uuid once used stays taken, so a deleted storage of the same folder makes the next one use another. */
async function freeUuid(db: Queryable, baseUri: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const uuid = derivedUuid(baseUri, attempt)
    if (!(await isClaimed(db, uuid)) && !(await isStorageUuidTaken(db, uuid))) return uuid
    // Asked after that, and not before: whoever took it may have committed in between.
    if ((await findAliveStorage(db, uuid))?.base_uri === baseUri) throw lostRace(`a backup storage for ${baseUri}`)
  }
}

async function isClaimed(db: Queryable, uuid: string): Promise<boolean> {
  const labels = await selectLabels(db, [canonicalId('backupStorage', uuid)])
  return labels.some((label) => label.name === CLAIM_LABEL)
}
