import * as z from 'zod/mini'
import { sqlTime } from '../../db/sql/time.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import type { Registry } from '../registry.ts'
import { requireFreeUuid } from '../rules/identifiers.ts'
import { requireStorable } from '../rules/storable.ts'
import { orNull } from '../rules/texts.ts'
import { validate } from '../rules/validate.ts'
import { checkBaseUri, storageAttributes } from './attributes.ts'
import { presentStorage, type StorageDetails } from './details.ts'
import { noteStorageFolder } from './image-folder.ts'
import { isUuidTaken, writeStorage } from './write.ts'

const storageRequest = z.object({
  ...storageAttributes,
  uuid: z.optional(z.string()),
  description: orNull(storageAttributes.description),
  node_id: orNull(storageAttributes.node_id),
})

/** The input of `addStorage`: the columns of a storage. */
export type StorageRequest = z.input<typeof storageRequest>

/**
 * Adds a backup storage. If its base URI is a `file:` URI, its folder becomes an image folder of this host.
 *
 * @throws VdcError VALUE_REFUSED if the request is not valid; ID_TAKEN if the ID is or was in use.
 */
export async function addStorage(registry: Registry, request: StorageRequest): Promise<StorageDetails> {
  const { uuid: given, ...valid } = validate(storageRequest, request)
  await checkBaseUri(registry, valid.base_uri, valid.storage_type)
  await requireStorable(registry.database, 'backup_storages', valid)
  const storage = await inTransaction(registry.database, async (trx) => {
    const uuid = await requireFreeUuid('backupStorage', given, (taken) => isUuidTaken(trx, taken))
    const now = sqlTime(new Date())
    const row = { uuid: uuid ?? registry.generateUuid(), ...valid, created_at: now, updated_at: now, deleted_at: null }
    return presentStorage(await writeStorage(trx, row))
  })
  await noteStorageFolder(registry, storage.base_uri)
  return storage
}
