import * as z from 'zod/mini'
import { updateBackupObject } from '../../db/backup-objects.ts'
import { holdStorage } from '../../db/backup-storages.ts'
import { claimEnd, claimUse } from '../../db/claims.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { requireOwner } from '../account/owner.ts'
import { keepStorage, requireStorage } from '../backup-storage/find.ts'
import { changesOf, recordChanges } from '../history.ts'
import { canonicalId, parseId, requireSameUuid } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { clearable } from '../texts.ts'
import { validate } from '../validate.ts'
import { ALL_FILES, DEFAULT_STATE } from '../values.ts'
import { checkObjectAttributes, objectAttributes, progressOf } from './attributes.ts'
import { describeObject, type ObjectDetails } from './details.ts'
import { aliveObject } from './find.ts'
import { removeDerivedLabels } from './labels.ts'

const objectChanges = z.partial(
  z.object({ ...objectAttributes, uuid: z.string(), description: clearable(objectAttributes.description) }),
)

/** What `modifyObject` changes; what isn't given stays. */
export type ObjectChanges = z.input<typeof objectChanges>

/**
 * Changes a backup object, and records in its history what changed. With another
 * checksum, what was computed from its bytes before is forgotten.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, OBJECT_NOT_FOUND, OBJECT_DELETED, ACCOUNT_….
 */
export async function modifyObject(registry: Registry, id: string, request: ObjectChanges): Promise<ObjectDetails> {
  const uuid = parseId('backupObject', id)
  const { uuid: newUuid, account_id, storage_id, progress, ...given } = validate(objectChanges, request)
  requireSameUuid('backupObject', uuid, newUuid)
  await checkObjectAttributes(registry, given)
  const owner = account_id === undefined ? undefined : parseId('account', account_id)
  return inTransaction(registry.database, async (trx) => {
    // An image must not come to use it meanwhile.
    if (given.state !== undefined && given.state !== DEFAULT_STATE)
      await claimEnd(trx, canonicalId('backupObject', uuid))
    const object = await aliveObject(trx, uuid, { lock: 'update' })
    if (owner !== undefined && canonicalId('account', owner) !== object.account_id) await requireOwner(trx, owner)
    const storage = storage_id === undefined ? undefined : await requireStorage(trx, storage_id)
    if (storage !== undefined) await keepStorage(trx, storage)
    // A purge of files must not miss that it goes to another one.
    else if (given.object_key !== undefined) {
      await claimUse(trx, ALL_FILES)
      await holdStorage(trx, object.backup_storage_id)
    }
    const state = given.state ?? object.state
    const changes = changesOf(object, {
      account_id: owner === undefined ? undefined : canonicalId('account', owner),
      display_name: given.display_name,
      service_type: given.service_type,
      backup_storage_id: storage?.id,
      size: given.size,
      allocation_size: given.allocation_size,
      container_format: given.container_format,
      state: given.state,
      object_key: given.object_key,
      checksum: given.checksum,
      description: given.description,
      progress: given.state === undefined && progress === undefined ? undefined : progressOf(registry, state, progress),
    })
    if (Object.keys(changes).length > 0) {
      const now = sqlTime(new Date())
      const written = { ...changes, updated_at: now }
      await updateBackupObject(trx, object.id, written)
      await recordChanges(trx, canonicalId('backupObject', uuid), written, now)
      if (changes.checksum !== undefined && changes.checksum !== object.checksum.toLowerCase())
        await removeDerivedLabels(trx, canonicalId('backupObject', uuid))
    }
    return describeObject(trx, uuid)
  })
}
