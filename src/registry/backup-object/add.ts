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

/** What `addObject` takes: the columns of an object as an operator gives them, sizes as decimal digits. */
export type ObjectRequest = z.input<typeof objectRequest>

/**
 * Adds a backup object for bytes that lie in a storage already, or will. Without
 * an allocation size it is the size; without a storage it is that of the service
 * type in dcmgr.conf; without a display name, which a release of the original
 * does not take, it is that of the file in the object key.
 *
 * @throws VdcError VALUE_REFUSED, ACCOUNT_…; ID_TAKEN when the id was ever used.
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
 * The storage that a new object goes to: the one that is named, or that of the
 * service type in dcmgr.conf.
 *
 * @throws VdcError VALUE_REFUSED.
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
      hint: 'Give it with --storage-id; vdc-manage backupstorage list shows them',
    })
  }
  return requireStorage(db, id)
}
