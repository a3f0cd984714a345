import type { Queryable } from '../database.ts'
import { marks, select } from '../statement.ts'
import type { TagMappingRow } from './rows.ts'
import { deleteRows } from './writes.ts'

/** Removes all tags from resources, given by canonical ID. */
export async function deleteTagMappings(db: Queryable, resourceIds: readonly string[]): Promise<void> {
  if (resourceIds.length === 0) return
  const all = `SELECT * FROM tag_mappings WHERE uuid IN ${marks(resourceIds)}`
  const rows = await select<TagMappingRow>(db, all, resourceIds)
  const own = new Set(resourceIds)
  const ids = rows.filter((row) => own.has(row.uuid)).map((row) => row.id)
  await deleteRows(db, 'tag_mappings', ids)
}
