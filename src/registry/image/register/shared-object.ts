import { aliveUsersOf } from '../../backup-object/users.ts'
import type { Registry } from '../../registry.ts'
import { ENOUGH_IDS, idList, uuidsIn } from '../../rules/identifiers.ts'
import type { ImageDetails } from '../details.ts'

/** The backup object of a new image, if its file was registered before. */
export interface SharedObject {
  /** Canonical ID. */
  id: string
  /** The other images that are not deleted and use it, as a list for people; empty if there are none. */
  users: string
}

/**
 * Returns the backup object that a new image shares.
 *
 * @param image as stored (`registerFile`).
 * @returns undefined if the object was created with the image.
 */
export async function sharedObject(
  registry: Registry,
  image: Pick<ImageDetails, 'id' | 'created_at' | 'backup_object'>,
): Promise<SharedObject | undefined> {
  const { backup_object: object } = image
  if (object === null) return undefined
  const [own] = uuidsIn('image', [image.id])
  const users = await aliveUsersOf(registry.database.knex, object.id, ENOUGH_IDS + 1)
  const others = users.filter((uuid) => uuid !== own)
  // An object that is created with its image has the same time.
  if (others.length === 0 && object.created_at === image.created_at) return undefined
  return { id: object.id, users: others.length === 0 ? '' : idList('image', others) }
}
