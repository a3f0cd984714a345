import type { Queryable } from '../../db/database.ts'
import { selectObjectsUnder } from '../../db/tables/backup-objects.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { lookForFile } from '../../disk/file/local-file.ts'
import { isDeleted } from '../backup-object/find.ts'
import type { LocalPlace } from '../backup-storage/local-folders.ts'
import { deletedBefore } from './age.ts'
import { type Links, objectsBehindLinks } from './aliased-files.ts'
import type { NeededOf } from './needed.ts'

/**
 * Returns whether an object shares its file with another object that must be kept,
 * through any storage, folder or link.
 *
 * @param before time as stored in the tables; objects deleted before it may be purged.
 * @param links objects whose files are reached through links; undefined to ignore links.
 */
export async function isShared(
  db: Queryable,
  places: readonly LocalPlace[],
  object: BackupObjectRow,
  before: string,
  neededOf: NeededOf,
  links?: Links,
): Promise<boolean> {
  const own = places.find(({ storage }) => storage.id === object.backup_storage_id)
  if (own?.base === undefined) return false
  const paths = startsOf(own).map((start) => start + object.object_key)
  const file = await lookForFile(own.base + object.object_key)
  if (typeof file === 'object') paths.push(file.real)
  const storages = places.map(({ storage }) => storage.id)
  const others = (await selectObjectsUnder(db, storages, keysFor(paths, places))).filter((other) => {
    if (other.id === object.id) return false
    const place = places.find(({ storage }) => storage.id === other.backup_storage_id)
    return place !== undefined && startsOf(place).some((start) => paths.includes(start + other.object_key))
  })
  if (links !== undefined && typeof file === 'object') {
    const behind = await objectsBehindLinks(db, links, places, file.real)
    others.push(...behind.filter((other) => other.id !== object.id))
  }
  const old = await deletedBefore(db, 'backupObject', others.filter(isDeleted), before)
  if (old.length < others.length) return true
  return others.length > 0 && (await neededOf(db, others)).size > 0
}

/** Returns the keys by which objects in any of the places could refer to one of the paths. */
function keysFor(paths: readonly string[], places: readonly LocalPlace[]): string[] {
  const keys = places.flatMap(startsOf).flatMap((start) => {
    return paths.filter((path) => path.startsWith(start)).map((path) => path.slice(start.length))
  })
  return [...new Set(keys)]
}

/** Returns the paths to which the keys of a storage are appended: as registered, and the real one. */
function startsOf({ base, realBase }: LocalPlace): string[] {
  return [base, realBase].filter((start) => start !== undefined)
}
