import * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { updateBackupObjects } from '../../db/tables/backup-objects.ts'
import { holdStorage } from '../../db/tables/backup-storages.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { claimEnd, claimUse } from '../../db/transactions/claims.ts'
import { requireOwner } from '../account/owner.ts'
import { keepStorage, requireStorage } from '../backup-storage/find.ts'
import { type Item, inBatches, type Outcome } from '../batch/batches.ts'
import { askedOnce, decide, idsOf } from '../batch/decide.ts'
import { writeChanges } from '../batch/write-changes.ts'
import { changesOf } from '../history/history.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, parseId, requireSameUuid } from '../rules/identifiers.ts'
import { clearable } from '../rules/texts.ts'
import { validate } from '../rules/validate.ts'
import { ALL_FILES, DEFAULT_STATE } from '../rules/values.ts'
import { checkObjectAttributes, objectAttributes, progressOf } from './attributes.ts'
import { describeObjects, type ObjectDetails } from './details.ts'
import { existingObjects, isDeleted, objectDeleted } from './find.ts'
import { removeDerivedLabels } from './labels.ts'

const objectChanges = z.partial(
  z.object({ ...objectAttributes, uuid: z.string(), description: clearable(objectAttributes.description) }),
)

/** What `modifyObjects` changes; what isn't given stays. */
export type ObjectChanges = z.input<typeof objectChanges>

/** The same, validated, with the owner's uuid. */
type Given = z.output<typeof objectChanges> & { owner: string | undefined }

/**
 * Changes backup objects, and records in their histories what changed. With another
 * checksum, what was computed from the bytes before is forgotten.
 *
 * @param ids with or without prefix.
 * @returns of each the object, or VALUE_REFUSED, OBJECT_NOT_FOUND, OBJECT_DELETED, ACCOUNT_….
 */
export function modifyObjects(
  registry: Registry,
  ids: readonly string[],
  request: ObjectChanges,
): AsyncGenerator<Outcome<ObjectDetails>> {
  return inBatches<ObjectDetails, Given>(registry, 'backupObject', ids, {
    prepare: async (registry, uuid) => {
      const { uuid: newUuid, ...given } = validate(objectChanges, request)
      requireSameUuid('backupObject', uuid, newUuid)
      await checkObjectAttributes(registry, given)
      return { ...given, owner: given.account_id === undefined ? undefined : parseId('account', given.account_id) }
    },
    work: async (trx, items) => {
      // An image must not come to use one meanwhile.
      const isEnding = ({ given: { state } }: Item<Given>) => state !== undefined && state !== DEFAULT_STATE
      await claimEnd(trx, ...idsOf(items.filter(isEnding)))
      const objects = await existingObjects(trx, items, { lock: 'update' })
      const columnsOf = requiringAll(trx)
      const changes = await decide(objects.keys(), async (item) => {
        const object = objects.get(item) as BackupObjectRow
        if (isDeleted(object)) throw objectDeleted(object)
        return changesOf(object, await columnsOf(item, object))
      })
      await writeChanges(trx, updateBackupObjects, objects, changes, sqlTime(new Date()))
      const corrected = [...changes].filter(
        ([item, { checksum }]) => checksum !== undefined && checksum !== objects.get(item)?.checksum.toLowerCase(),
      )
      await removeDerivedLabels(trx, idsOf(corrected.map(([item]) => item)))
      return describeObjects(trx, [...changes.keys()])
    },
  })
}

/**
 * Looks, once for all objects of a unit of work, whether what they are to have is there,
 * and keeps it as it is until the unit ends.
 *
 * @returns what tells the columns that an object is to have, or throws ACCOUNT_…, VALUE_REFUSED.
 */
function requiringAll(db: Queryable) {
  const owners = askedOnce((uuid: string) => requireOwner(db, uuid))
  const storages = askedOnce(async (id: string) => {
    const storage = await requireStorage(db, id)
    await keepStorage(db, storage)
    return storage.id
  })
  const files = askedOnce((id: string) => claimUse(db, id))
  const held = askedOnce((key: number) => holdStorage(db, key))
  return async (
    { given, registry }: Item<Given>,
    object: BackupObjectRow,
  ): Promise<{ [K in keyof BackupObjectRow]?: BackupObjectRow[K] | undefined }> => {
    const { owner, storage_id: storageId, progress } = given
    const ownerId = owner === undefined ? undefined : canonicalId('account', owner)
    if (owner !== undefined && ownerId !== object.account_id) await owners(owner)
    const storage = storageId === undefined ? undefined : await storages(storageId)
    // A purge of files must not miss that it goes to another one.
    if (storage === undefined && given.object_key !== undefined) {
      await files(ALL_FILES)
      await held(object.backup_storage_id)
    }
    const state = given.state ?? object.state
    return {
      account_id: ownerId,
      display_name: given.display_name,
      service_type: given.service_type,
      backup_storage_id: storage,
      size: given.size,
      allocation_size: given.allocation_size,
      container_format: given.container_format,
      state: given.state,
      object_key: given.object_key,
      checksum: given.checksum,
      description: given.description,
      progress: given.state === undefined && progress === undefined ? undefined : progressOf(registry, state, progress),
    }
  }
}
