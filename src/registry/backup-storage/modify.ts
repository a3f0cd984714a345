import * as z from 'zod/mini'
import { sqlTime } from '../../db/sql/time.ts'
import { updateStorage } from '../../db/tables/backup-storages.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import { changesOf } from '../history/history.ts'
import type { Registry } from '../registry.ts'
import { parseId, requireSameUuid } from '../rules/identifiers.ts'
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

/** What `modifyStorage` changes; what isn't given stays. */
export type StorageChanges = z.input<typeof storageChanges>

/**
 * Changes a backup storage. A folder that is given becomes an image folder of this host.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, STORAGE_NOT_FOUND, STORAGE_DELETED.
 */
export async function modifyStorage(registry: Registry, id: string, request: StorageChanges): Promise<StorageDetails> {
  const uuid = parseId('backupStorage', id)
  const { uuid: newUuid, ...given } = validate(storageChanges, request)
  requireSameUuid('backupStorage', uuid, newUuid)
  await requireStorable(registry.database, 'backup_storages', given)
  const storage = await inTransaction(registry.database, async (trx) => {
    // Other files come to lie in it, which a purge of files must not miss.
    if (given.base_uri !== undefined || given.storage_type !== undefined) await claimUse(trx, ALL_FILES)
    const storage = await storageToChange(trx, uuid)
    const changes = changesOf(storage, given)
    if (changes.base_uri !== undefined || changes.storage_type !== undefined) {
      await checkBaseUri(registry, changes.base_uri ?? storage.base_uri, changes.storage_type ?? storage.storage_type)
    }
    if (Object.keys(changes).length === 0) return presentStorage(storage)
    const written = { ...changes, updated_at: sqlTime(new Date()) }
    await updateStorage(trx, storage.id, written)
    return presentStorage({ ...storage, ...written })
  })
  if (given.base_uri !== undefined) await noteStorageFolder(registry, given.base_uri)
  return storage
}
