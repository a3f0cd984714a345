import type { Queryable } from './database.ts'
import type { TagMappingRow } from './rows.ts'
import { deleteRows } from './writes.ts'

/** Takes every tag off some resources, given by their canonical ids. */
export async function deleteTagMappings(db: Queryable, resourceIds: readonly string[]): Promise<void> {
  const rows: TagMappingRow[] = await db<TagMappingRow>('tag_mappings').whereIn('uuid', resourceIds)
  const own = new Set(resourceIds)
  const ids = rows.filter((row) => own.has(row.uuid)).map((row) => row.id)
  await deleteRows(db, 'tag_mappings', ids)
}
