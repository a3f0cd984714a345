import type { Queryable } from '../../db/database.ts'
import {
  selectAliveUuidsBy,
  selectImagesOf,
  selectImagesWithVolumes,
  selectValuesAlive,
} from '../../db/tables/images.ts'
import { wantedInVolumes } from '../image/volumes.ts'

/** An image that uses a backup object. */
export interface User {
  /** UUID of the image, without prefix. */
  uuid: string
  /** Canonical ID of the object. */
  objectId: string
}

/**
 * Finds the images that use backup objects: images that boot from them or have volumes created from them.
 *
 * @param objectIds canonical.
 * @param options.deleted include deleted images, as they may be undeleted.
 */
export async function usersOf(
  db: Queryable,
  objectIds: readonly string[],
  options: { deleted: boolean },
): Promise<User[]> {
  const users: User[] = []
  for (const { uuid, backup_object_id: objectId } of await selectImagesOf(db, objectIds, options))
    if (objectId !== null) users.push({ uuid, objectId })
  if (objectIds.length > 0) users.push(...(await usersByVolumes(db, new Set(objectIds), options)))
  return users
}

/** Returns the UUIDs of at most `limit` images that are not deleted and use the backup object with a canonical ID. */
export async function aliveUsersOf(db: Queryable, objectId: string, limit: number): Promise<string[]> {
  const uuids = await selectAliveUuidsBy(db, 'backup_object_id', objectId, limit)
  if (uuids.length >= limit) return uuids
  const more = await usersByVolumes(db, new Set([objectId]), { deleted: false })
  return [...new Set([...uuids, ...more.map(({ uuid }) => uuid)])].slice(0, limit)
}

/** Returns which of the backup objects, given as canonical IDs, are used by images that are not deleted. */
export async function objectsInUse(db: Queryable, objectIds: readonly string[]): Promise<Set<string>> {
  const used = await selectValuesAlive(db, 'backup_object_id', objectIds)
  if (objectIds.length === 0) return used
  for (const { objectId } of await usersByVolumes(db, new Set(objectIds), { deleted: false })) used.add(objectId)
  return used
}

async function usersByVolumes(
  db: Queryable,
  wanted: ReadonlySet<string>,
  options: { deleted: boolean },
): Promise<User[]> {
  const users: User[] = []
  for (const { uuid, volumes } of await selectImagesWithVolumes(db, options))
    for (const objectId of await wantedInVolumes(volumes, wanted)) users.push({ uuid, objectId })
  return users
}
