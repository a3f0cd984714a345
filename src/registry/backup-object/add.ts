import * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { isBackupObjectUuidTaken } from '../../db/tables/backup-objects.ts'
import type { BackupStorageRow } from '../../db/tables/rows.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import { requireOwner } from '../account/owner.ts'
import { keepStorage, requireStorage } from '../backup-storage/find.ts'
import { nameOfFile } from '../image/register/file-name.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, parseId, requireFreeUuid } from '../rules/identifiers.ts'
import { orNull } from '../rules/texts.ts'
import { validate } from '../rules/validate.ts'
import { DEFAULT_CONTAINER_FORMAT, DEFAULT_SERVICE_TYPE, DEFAULT_STATE, SHARED_POOL } from '../rules/values.ts'
import { checkObjectAttributes, objectAttributes, progressOf } from './attributes.ts'
import { describeObject, type ObjectDetails } from './details.ts'
import { newObjectRow, writeObject } from './write.ts'

const objectRequest = z.object({
  ...objectAttributes,
  display_name: z.optional(objectAttributes.display_name),
  uuid: z.optional(z.string()),
  account_id: z.prefault(z.string(), SHARED_POOL),
  storage_id: z.optional(z.string()),
  state: z.prefault(objectAttributes.state, DEFAULT_STATE),
  allocation_size: z.optional(objectAttributes.allocation_size),
  description: orNull(objectAttributes.description),
  service_type: z.prefault(objectAttributes.service_type, DEFAULT_SERVICE_TYPE),
  container_format: z.prefault(objectAttributes.container_format, DEFAULT_CONTAINER_FORMAT),
  progress: z.optional(objectAttributes.progress),
})

/** The input of `addObject`: the columns of an object. Sizes are decimal digits. */
export type ObjectRequest = z.input<typeof objectRequest>

/**
 * Adds a backup object whose bytes are in a storage already or will be copied there.
 * The allocation size defaults to the size, the storage to the one that dcmgr.conf
 * names for the service type, and the display name to the file name in the object key
 * (some releases of the original command have no display name).
 *
 * @throws VdcError VALUE_REFUSED if the request is not valid; ACCOUNT_… if the owner
 *   cannot own new objects; ID_TAKEN if the ID is or was in use.
 */
export async function addObject(registry: Registry, request: ObjectRequest): Promise<ObjectDetails> {
  const { uuid: given, storage_id, account_id, ...valid } = validate(objectRequest, request)
  await checkObjectAttributes(registry, valid)
  const displayName = valid.display_name ?? (nameOfFile(valid.object_key) || valid.object_key)
  const owner = parseId('account', account_id)
  const progress = progressOf(registry, valid.state, valid.progress) ?? 0
  return inTransaction(registry.database, async (trx) => {
    await requireOwner(trx, owner)
    const storage = await storageForNew(registry, trx, storage_id, valid.service_type)
    await keepStorage(trx, storage)
    const uuid = await requireFreeUuid('backupObject', given, (taken) => isBackupObjectUuidTaken(trx, taken))
    const row = newObjectRow(storage, sqlTime(new Date()), {
      ...valid,
      display_name: displayName,
      progress,
      allocation_size: valid.allocation_size ?? valid.size,
      account_id: canonicalId('account', owner),
      uuid: uuid ?? registry.generateUuid(),
    })
    await writeObject(trx, row)
    return describeObject(trx, row.uuid)
  })
}

/**
 * Returns the storage for a new object: the given one, or the one that dcmgr.conf
 * names for the service type.
 *
 * @param storageId with or without prefix.
 * @throws VdcError VALUE_REFUSED if no storage is given or configured, or if it does not exist.
 */
export async function storageForNew(
  registry: Registry,
  db: Queryable,
  storageId: string | undefined,
  serviceType: string,
): Promise<BackupStorageRow> {
  const id = storageId ?? registry.serviceTypes?.get(serviceType)?.storageId
  if (id === undefined) {
    throw new VdcError('VALUE_REFUSED', `storage_id is missing, and dcmgr.conf names no storage for ${serviceType}`, {
      hint: 'Set it with --storage-id, or list storages with: vdc-manage backupstorage list',
    })
  }
  return requireStorage(db, id)
}
