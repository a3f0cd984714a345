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

/** The changes for `modifyObjects`. Omitted fields stay unchanged. */
export type ObjectChanges = z.input<typeof objectChanges>

/** The validated changes, with the UUID of the owner. */
type Given = z.output<typeof objectChanges> & { owner: string | undefined }

/**
 * Changes backup objects and records the changes in their histories. A new checksum
 * removes the labels that were computed from the old bytes.
 *
 * @param ids with or without prefix.
 * @returns for each ID, the object or an error: VALUE_REFUSED, OBJECT_NOT_FOUND,
 *   OBJECT_DELETED or ACCOUNT_….
 */
export function modifyObjects(
  registry: Registry,
  ids: readonly string[],
  request: ObjectChanges,
): AsyncGenerator<Outcome<ObjectDetails>> {
  const isEmpty = Object.values(request).every((value) => value === undefined)
  return inBatches<ObjectDetails, Given>(registry, 'backupObject', ids, {
    prepare: async (registry, uuid) => {
      const { uuid: newUuid, ...given } = validate(objectChanges, request)
      requireSameUuid('backupObject', uuid, newUuid)
      await checkObjectAttributes(registry, given)
      return { ...given, owner: given.account_id === undefined ? undefined : parseId('account', given.account_id) }
    },
    work: async (trx, items) => {
      // An image must not start to use an object that stops being available.
      const isEnding = ({ given: { state } }: Item<Given>) => state !== undefined && state !== DEFAULT_STATE
      await claimEnd(trx, ...idsOf(items.filter(isEnding)))
      const objects = await existingObjects(trx, items, { lock: 'update' })
      const columnsOf = columnFinder(trx)
      const changes = await decide(objects.keys(), async (item) => {
        const object = objects.get(item) as BackupObjectRow
        if (isDeleted(object)) throw objectDeleted(object)
        return changesOf(object, await columnsOf(item, object))
      })
      await writeChanges(trx, updateBackupObjects, objects, changes, sqlTime(new Date()), 'backupObject')
      if (isEmpty) for (const item of items) item.happened = undefined
      const corrected = [...changes].filter(
        ([item, { checksum }]) => checksum !== undefined && checksum !== objects.get(item)?.checksum.toLowerCase(),
      )
      await removeDerivedLabels(trx, idsOf(corrected.map(([item]) => item)))
      return describeObjects(trx, [...changes.keys()])
    },
  })
}

/**
 * Returns a function that returns the new columns of an object. It checks the new owner
 * and storage once per unit of work, and locks them until the unit ends.
 * It throws VdcError ACCOUNT_… or VALUE_REFUSED if an object cannot have them.
 */
function columnFinder(db: Queryable) {
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
    // A purge of files must not miss that the object now refers to another file.
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
