import type { Queryable } from './database.ts'

/** Takes every tag off a resource, given by its canonical id. */
export async function deleteTagMappings(db: Queryable, resourceId: string): Promise<void> {
  const rows: { id: number; uuid: string }[] = await db('tag_mappings').where({ uuid: resourceId }).select('id', 'uuid')
  const ids = rows.filter((row) => row.uuid === resourceId).map((row) => row.id)
  if (ids.length > 0) await db('tag_mappings').whereIn('id', ids).delete()
}
