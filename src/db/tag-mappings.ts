import type { Queryable } from './database.ts'
import type { TagMappingRow } from './rows.ts'
import { deleteRows } from './writes.ts'

/** Takes every tag off a resource, given by its canonical id. */
export async function deleteTagMappings(db: Queryable, resourceId: string): Promise<void> {
  const rows: TagMappingRow[] = await db<TagMappingRow>('tag_mappings').where({ uuid: resourceId })
  const ids = rows.filter((row) => row.uuid === resourceId).map((row) => row.id)
  await deleteRows(db, 'tag_mappings', ids)
}
