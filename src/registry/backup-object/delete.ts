import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { updateBackupObjects } from '../../db/tables/backup-objects.ts'
import { deleteTagMappings } from '../../db/tables/tag-mappings.ts'
import { claimEnd } from '../../db/transactions/claims.ts'
import { inBatches, type Outcome } from '../batch/batches.ts'
import { decide, idsOf } from '../batch/decide.ts'
import { recordAllChanges } from '../history/history.ts'
import type { Registry } from '../registry.ts'
import { ENOUGH_IDS, idList } from '../rules/identifiers.ts'
import { describeObjects, type ObjectDetails } from './details.ts'
import { existingObjects, objectDeleted } from './find.ts'
import { aliveUsersOf, objectsInUse } from './users.ts'

/**
 * Deletes backup objects softly (dcmgr.md, "Deleting"): their rows stay and say
 * so, their tags go, their labels and files stay.
 *
 * @param ids with or without prefix.
 * @param options.force also while images that aren't deleted boot from one or have volumes made of it.
 * @returns of each the object, or VALUE_REFUSED, OBJECT_NOT_FOUND, OBJECT_DELETED, IN_USE that names the images.
 */
export function deleteObjects(
  registry: Registry,
  ids: readonly string[],
  options: { force: boolean },
): AsyncGenerator<Outcome<ObjectDetails>> {
  return inBatches<ObjectDetails>(registry, 'backupObject', ids, {
    work: async (trx, items) => {
      await claimEnd(trx, ...idsOf(items))
      const objects = await existingObjects(trx, items, { lock: 'update' })
      const used = options.force ? new Set() : await objectsInUse(trx, idsOf(objects.keys()))
      const doomed = await decide(objects.keys(), async (item) => {
        const object = objects.get(item)
        // One whose state alone says so, as the original can make it, is deleted properly here.
        if (object !== undefined && (object.deleted_at !== null || object.state === 'purged'))
          throw objectDeleted(object)
        if (used.has(item.id)) await refuseUsed(trx, item.id)
        return object
      })
      const now = sqlTime(new Date())
      const changes = { deleted_at: now, state: 'deleted', updated_at: now }
      await updateBackupObjects(trx, new Map(Array.from(doomed.values(), ({ id }) => [id, changes])))
      await deleteTagMappings(trx, idsOf(doomed.keys()))
      await recordAllChanges(
        trx,
        idsOf(doomed.keys()).map((id) => [id, changes]),
        now,
      )
      return describeObjects(trx, [...doomed.keys()])
    },
  })
}

/** @throws VdcError IN_USE. */
async function refuseUsed(db: Queryable, id: string): Promise<void> {
  const images = await aliveUsersOf(db, id, ENOUGH_IDS)
  if (images.length === 0) return
  throw new VdcError('IN_USE', `The backup object ${id} is used by images: ${idList('image', images)}`, {
    hint: 'Delete them first; --force deletes the object all the same, and then they cannot boot',
  })
}
