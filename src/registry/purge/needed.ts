import type { Database, Queryable } from '../../db/database.ts'
import type { DeletedSelection } from '../../db/tables/purge.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { usersOf } from '../backup-object/users.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { purgeableImages } from './images.ts'

/** Returns the canonical IDs of the objects that images need. Deleted images count, because they may be undeleted. */
export type NeededOf = (db: Queryable, objects: readonly BackupObjectRow[]) => Promise<Set<string>>

/** Finds the objects that any image needs. */
export const needed: NeededOf = async (db, objects) => {
  const users = await usersOf(db, objects.map(idOf), { deleted: true })
  return new Set(users.map(({ objectId }) => objectId))
}

/** Returns a function that finds the objects needed by images that a purge of `images` would keep. */
export function neededBesides(registry: Registry, images: DeletedSelection): NeededOf {
  return async (db, objects) => {
    const users = await usersOf(db, objects.map(idOf), { deleted: true })
    const database = { ...registry.database, knex: db as Database['knex'] }
    const uuids = [...new Set(users.map(({ uuid }) => uuid))]
    const going = await purgeableImages({ ...registry, database }, images, uuids)
    return new Set(users.filter(({ uuid }) => !going.has(uuid)).map(({ objectId }) => objectId))
  }
}

/** Returns the canonical ID of a backup object. */
export function idOf(object: Pick<BackupObjectRow, 'uuid'>): string {
  return canonicalId('backupObject', object.uuid)
}
