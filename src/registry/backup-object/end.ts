import type { Queryable } from '../../db/database.ts'
import { updateBackupObjects } from '../../db/tables/backup-objects.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { deleteTagMappings } from '../../db/tables/tag-mappings.ts'
import { recordAllChanges } from '../history/history.ts'

/**
 * Marks objects as deleted, removes their tags, and records it (dcmgr.md, "Deleting"). Their labels and files are kept.
 *
 * @param objects rows locked by the unit of work, by canonical ID.
 * @param now the current time as stored in the tables.
 */
export async function endObjects(
  trx: Queryable,
  objects: ReadonlyMap<string, Pick<BackupObjectRow, 'id'>>,
  now: string,
): Promise<void> {
  const changes = { deleted_at: now, state: 'deleted', updated_at: now }
  const ids = [...objects.keys()]
  await updateBackupObjects(trx, new Map(Array.from(objects.values(), ({ id }) => [id, changes])))
  await deleteTagMappings(trx, ids)
  await recordAllChanges(
    trx,
    ids.map((id) => [id, changes]),
    now,
  )
}
