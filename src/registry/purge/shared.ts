import type { Queryable } from '../../db/database.ts'
import { selectObjectsUnder } from '../../db/tables/backup-objects.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { lookForFile } from '../../disk/file/local-file.ts'
import { isDeleted } from '../backup-object/find.ts'
import type { LocalPlace } from '../backup-storage/local-folders.ts'
import { deletedBefore } from './age.ts'
import { type Links, objectsBehindLinks } from './aliased-files.ts'
import type { NeededOf } from './needed.ts'

/** Says whether another object is the same file, through whichever storage or folder and by `links`, and isn't to be purged itself. */
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
  const paths = [own.base, own.realBase].flatMap((base) => (base === undefined ? [] : [base + object.object_key]))
  const file = await lookForFile(own.base + object.object_key)
  if (typeof file === 'object') paths.push(file.real)
  const keys = new Set<string>()
  for (const { base, realBase } of places) {
    for (const start of [base, realBase]) {
      for (const path of paths) if (start !== undefined && path.startsWith(start)) keys.add(path.slice(start.length))
    }
  }
  const storages = places.map(({ storage }) => storage.id)
  const others = (await selectObjectsUnder(db, storages, [...keys])).filter((other) => {
    const place = places.find(({ storage }) => storage.id === other.backup_storage_id)
    const starts = [place?.base, place?.realBase]
    return (
      other.id !== object.id && starts.some((base) => base !== undefined && paths.includes(base + other.object_key))
    )
  })
  if (links !== undefined && typeof file === 'object') {
    const behind = await objectsBehindLinks(db, links, places, file.real)
    others.push(...behind.filter((other) => other.id !== object.id))
  }
  const old = await deletedBefore(db, 'backupObject', others.filter(isDeleted), before)
  if (old.length < others.length) return true
  return others.length > 0 && (await neededOf(db, others)).size > 0
}
