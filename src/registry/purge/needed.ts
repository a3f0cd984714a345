import type { Database, Queryable } from '../../db/database.ts'
import type { DeletedSelection } from '../../db/tables/purge.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { usersOf } from '../backup-object/users.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { purgeableImages } from './images.ts'

/** Finds which of some objects images need, by their canonical ids; deleted images count, as they may be undeleted. */
export type NeededOf = (db: Queryable, objects: readonly BackupObjectRow[]) => Promise<Set<string>>

/** The objects that any image needs. */
export const needed: NeededOf = async (db, objects) => {
  const users = await usersOf(db, objects.map(idOf), { deleted: true })
  return new Set(users.map(({ objectId }) => objectId))
}

/** The objects that images need which a purge of `images` would leave. */
export function neededBesides(registry: Registry, images: DeletedSelection): NeededOf {
  return async (db, objects) => {
    const users = await usersOf(db, objects.map(idOf), { deleted: true })
    const database = { ...registry.database, knex: db as Database['knex'] }
    const uuids = [...new Set(users.map(({ uuid }) => uuid))]
    const going = await purgeableImages({ ...registry, database }, images, uuids)
    return new Set(users.filter(({ uuid }) => !going.has(uuid)).map(({ objectId }) => objectId))
  }
}

/** The canonical id of an object. */
export function idOf(object: Pick<BackupObjectRow, 'uuid'>): string {
  return canonicalId('backupObject', object.uuid)
}
