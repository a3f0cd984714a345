import type { Queryable } from '../../db/database.ts'
import { selectObjectsHad } from '../../db/tables/purge.ts'

/**
 * Returns which objects, given by canonical ID, an image used until it was changed to use another one, not
 * before a given time. Such a change can be undone only as long as the file is there.
 *
 * @param before time as stored in the tables.
 */
export async function leftSince(db: Queryable, objectIds: readonly string[], before: string): Promise<Set<string>> {
  const wanted = new Set(objectIds)
  const left = new Set<string>()
  /** The object of each image, by the ID of the image. */
  const current = new Map<string, string | null>()
  for (const { uuid, objectId, created_at: at } of await selectObjectsHad(db, objectIds)) {
    const old = current.get(uuid) ?? null
    if (old !== null && old !== objectId && wanted.has(old) && at >= before) left.add(old)
    current.set(uuid, objectId)
  }
  return left
}
