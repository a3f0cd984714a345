import { insertHistories, selectPurgedIds } from '../../db/tables/histories.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import { changeRows } from '../history/history.ts'
import type { Importing } from './importing.ts'
import type { ReadRecord } from './read.ts'
import type { RegistryRecord } from './records.ts'
import { sqlOf, uuidOf } from './rows.ts'

const STILL_HERE = 'was purged in the exported registry, but still exists here'

/**
 * Marks image IDs as purged, like a purge itself. If an image with the ID exists here,
 * deleted or not, it is a conflict.
 *
 * @returns the numbers of added and unchanged marks.
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
