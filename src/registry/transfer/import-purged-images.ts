import { insertHistories, selectPurgedIds } from '../../db/tables/histories.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import { changeRows } from '../history/history.ts'
import type { Importing } from './importing.ts'
import type { ReadRecord } from './read.ts'
import type { RegistryRecord } from './records.ts'
import { sqlOf, uuidOf } from './rows.ts'

const STILL_HERE = 'was purged where the file is from, and is still here'

/**
 * Marks ids of images as those of images that were purged, as a purge does it
 * itself. One that an image has here, deleted or not, is a conflict.
 */
export async function importPurgedImages(
  { db, conflict }: Importing,
  batch: readonly ReadRecord[],
): Promise<{ added: number; unchanged: number }> {
  const purged = batch.map(({ record }) => record as RegistryRecord<'purged_image'>)
  const ids = purged.map(({ uuid }) => uuid)
  const images = await selectRowsByUuid(db, 'images', ids.map(uuidOf))
  const used = new Set(images.map(({ uuid }) => uuid.toLowerCase()))
  const marked = new Set(await selectPurgedIds(db, ids))
  let unchanged = 0
  const fresh = purged.filter(({ uuid: id }) => {
    const isHere = used.has(uuidOf(id).toLowerCase())
    if (isHere) conflict({ id, fields: ['purged_at'], why: STILL_HERE })
    else if (marked.has(id)) unchanged++
    return !isHere && !marked.has(id)
  })
  const rows = fresh.flatMap(({ uuid, purged_at }) => {
    const at = sqlOf(purged_at)
    return changeRows(uuid, { purged_at: at }, at)
  })
  await insertHistories(db, rows)
  return { added: fresh.length, unchanged }
}
