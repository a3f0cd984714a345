import { updateBackupObject } from '../../db/backup-objects.ts'
import { claimEnd } from '../../db/claims.ts'
import { deleteTagMappings } from '../../db/tag-mappings.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { VdcError } from '../../errors.ts'
import { recordChanges } from '../history.ts'
import { canonicalId, ENOUGH_IDS, idList, parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { describeObject, type ObjectDetails } from './details.ts'
import { existingObject, objectDeleted } from './find.ts'
import { aliveUsersOf } from './users.ts'

/**
 * Deletes a backup object softly (dcmgr.md, "Deleting"): its row stays and says
 * so, its tags go, its labels and its file stay.
 *
 * @param id with or without its prefix.
 * @param options.force also while images that aren't deleted boot from it or have volumes made of it.
 * @throws VdcError VALUE_REFUSED, OBJECT_NOT_FOUND, OBJECT_DELETED, IN_USE that names the images.
 */
export async function deleteObject(
  registry: Registry,
  id: string,
  options: { force: boolean },
): Promise<ObjectDetails> {
  const uuid = parseId('backupObject', id)
  const canonical = canonicalId('backupObject', uuid)
  return inTransaction(registry.database, async (trx) => {
    await claimEnd(trx, canonical)
    const object = await existingObject(trx, uuid, { lock: 'update' })
    // One whose state alone says so, as the original can make it, is deleted properly here.
    if (object.deleted_at !== null || object.state === 'purged') throw objectDeleted(object)
    const images = await aliveUsersOf(trx, canonical, ENOUGH_IDS)
    if (images.length > 0 && !options.force) {
      throw new VdcError('IN_USE', `The backup object ${canonical} is used by images: ${idList('image', images)}`, {
        hint: 'Delete them first; --force deletes the object all the same, and then they can not boot',
      })
    }
    const now = sqlTime(new Date())
    const changes = { deleted_at: now, state: 'deleted', updated_at: now }
    await updateBackupObject(trx, object.id, changes)
    await deleteTagMappings(trx, [canonical])
    await recordChanges(trx, canonical, changes, now)
    return describeObject(trx, uuid)
  })
}
