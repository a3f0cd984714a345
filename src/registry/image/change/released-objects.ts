import type { Queryable } from '../../../db/database.ts'
import { selectRowsByUuid } from '../../../db/tables/many-rows.ts'
import type { BackupObjectRow, ImageRow } from '../../../db/tables/rows.ts'
import { claimEnd } from '../../../db/transactions/claims.ts'
import { isDeleted } from '../../backup-object/find.ts'
import { usersOf } from '../../backup-object/users.ts'
import type { Item } from '../../batch/batches.ts'
import { canonicalId, idList, uuidsIn } from '../../rules/identifiers.ts'

/**
 * Finds the backup objects that images boot from and that nothing uses once the images are deleted, and locks them until
 * the unit of work ends. Images that are deleted already do not count. Warns about objects that are still used.
 *
 * @param doomed the images that the unit of work deletes.
 * @param gone uuids of images that were deleted before, but are still there in a dry run.
 * @returns the objects by canonical ID.
 */
export async function releasedObjects<I extends Item>(
  trx: Queryable,
  doomed: ReadonlyMap<I, ImageRow>,
  gone: ReadonlySet<string>,
): Promise<Map<string, BackupObjectRow>> {
  const ids = [...new Set(Array.from(doomed.values(), (image) => image.backup_object_id ?? ''))].filter(Boolean).sort()
  // From here on, no image can start to use them: the registration waits, and then finds them deleted.
  await claimEnd(trx, ...ids)
  const objects = await selectRowsByUuid(trx, 'backup_objects', uuidsIn('backupObject', ids), { lock: 'update' })
  const going = new Set([...gone, ...Array.from(doomed.values(), ({ uuid }) => uuid)])
  const users = (await usersOf(trx, ids, { deleted: false })).filter(({ uuid }) => !going.has(uuid))
  const released = new Map<string, BackupObjectRow>()
  for (const object of objects.filter((each) => !isDeleted(each))) {
    const id = canonicalId('backupObject', object.uuid)
    const others = users.filter(({ objectId }) => objectId === id).map(({ uuid }) => uuid)
    if (others.length === 0) released.set(id, object)
    else warnOfKept(doomed, id, [...new Set(others)])
  }
  return released
}

function warnOfKept<I extends Item>(doomed: ReadonlyMap<I, ImageRow>, id: string, others: readonly string[]): void {
  const [item] = [...doomed].find(([, image]) => image.backup_object_id === id) ?? []
  item?.registry.warn(`Backup object ${id} is kept, because images use it: ${idList('image', others)}`)
}
