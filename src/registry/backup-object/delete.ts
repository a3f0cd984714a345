import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { claimEnd } from '../../db/transactions/claims.ts'
import { inBatches, type Outcome } from '../batch/batches.ts'
import { decide, idsOf } from '../batch/decide.ts'
import type { Registry } from '../registry.ts'
import { ENOUGH_IDS, idList } from '../rules/identifiers.ts'
import { describeObjects, type ObjectDetails } from './details.ts'
import { endObjects } from './end.ts'
import { existingObjects, objectDeleted } from './find.ts'
import { aliveUsersOf, objectsInUse } from './users.ts'

/**
 * Deletes backup objects softly (dcmgr.md, "Deleting"): marks their rows as deleted
 * and removes their tags. Their labels and files are kept.
 *
 * @param ids with or without prefix.
 * @param options.force delete objects even if images that are not deleted use them.
 * @returns for each ID, the object or an error: VALUE_REFUSED, OBJECT_NOT_FOUND,
 *   OBJECT_DELETED, or IN_USE, which names the images.
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
        // The original can set the state to deleted without a time; such objects are deleted properly here.
        if (object !== undefined && (object.deleted_at !== null || object.state === 'purged'))
          throw objectDeleted(object)
        if (used.has(item.id)) await refuseUsed(trx, item.id)
        return object
      })
      const rows = new Map(Array.from(doomed, ([{ id }, row]) => [id, row]))
      await endObjects(trx, rows, sqlTime(new Date()))
      for (const [item, { display_name: name }] of doomed)
        item.happened = { kind: 'backupObject', id: item.id, name, what: 'deleted' }
      return describeObjects(trx, [...doomed.keys()])
    },
  })
}

/** @throws VdcError IN_USE if images use the object. */
async function refuseUsed(db: Queryable, id: string): Promise<void> {
  const images = await aliveUsersOf(db, id, ENOUGH_IDS)
  if (images.length === 0) return
  throw new VdcError('IN_USE', `Backup object ${id} is used by images: ${idList('image', images)}`, {
    hint: 'Delete the images first. --force deletes the object anyway; the images can then no longer boot',
  })
}
