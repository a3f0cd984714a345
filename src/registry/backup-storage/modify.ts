import * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { updateStorage } from '../../db/tables/backup-storages.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import { changeOf, type Told } from '../happened.ts'
import { changesOf } from '../history/history.ts'
import { byIdOrName } from '../names/by-id-or-name.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, requireSameUuid } from '../rules/identifiers.ts'
import { requireStorable } from '../rules/storable.ts'
import { clearable } from '../rules/texts.ts'
import { validate } from '../rules/validate.ts'
import { ALL_FILES } from '../rules/values.ts'
import { checkBaseUri, storageAttributes } from './attributes.ts'
import { presentStorage, type StorageDetails } from './details.ts'
import { storageToChange } from './find.ts'
import { noteStorageFolder } from './image-folder.ts'

const storageChanges = z.partial(
  z.object({
    ...storageAttributes,
    uuid: z.string(),
    description: clearable(storageAttributes.description),
    node_id: clearable(storageAttributes.node_id),
  }),
)

/** The changes for `modifyStorage`. Omitted fields stay unchanged. */
export type StorageChanges = z.input<typeof storageChanges>

/**
 * Changes a backup storage. A new folder becomes an image folder of this host.
 *
 * @param id with or without prefix, or a display name.
 * @throws VdcError VALUE_REFUSED if the ID or the changes are not valid; STORAGE_NOT_FOUND
 *   if it does not exist; STORAGE_DELETED if it is deleted.
 */
export async function modifyStorage(
  registry: Registry,
  id: string,
  request: StorageChanges,
): Promise<Told<StorageDetails>> {
  const { uuid: newUuid, ...given } = validate(storageChanges, request)
  const { database } = registry
  await requireStorable(database, 'backup_storages', given)
  const told = await byIdOrName(database.knex, 'backupStorage', id, (uuid) => {
    requireSameUuid('backupStorage', uuid, newUuid)
    return inTransaction(database, (trx) => modifyIn(registry, trx, uuid, given))
  })
  if (given.base_uri !== undefined) await noteStorageFolder(registry, given.base_uri)
  return told
}

async function modifyIn(
  registry: Registry,
  trx: Queryable,
  uuid: string,
  given: Omit<z.output<typeof storageChanges>, 'uuid'>,
): Promise<Told<StorageDetails>> {
  // A purge of files must not miss that the storage now contains other files.
  if (given.base_uri !== undefined || given.storage_type !== undefined) await claimUse(trx, ALL_FILES)
  const storage = await storageToChange(trx, uuid)
  const changes = changesOf(storage, given)
  if (changes.base_uri !== undefined || changes.storage_type !== undefined) {
    await checkBaseUri(registry, changes.base_uri ?? storage.base_uri, changes.storage_type ?? storage.storage_type)
  }
  const thing = { kind: 'backupStorage', id: canonicalId('backupStorage', uuid), name: storage.display_name } as const
  const isEmpty = Object.values(given).every((value) => value === undefined)
  const happened = isEmpty ? undefined : await changeOf(trx, thing, storage, changes)
  if (Object.keys(changes).length === 0) return { result: presentStorage(storage), happened }
  const written = { ...changes, updated_at: sqlTime(new Date()) }
  await updateStorage(trx, storage.id, written)
  return { result: presentStorage({ ...storage, ...written }), happened }
}
