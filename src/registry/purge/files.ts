import { selectObjectsUnder, updateBackupObject } from '../../db/backup-objects.ts'
import type { Database, Queryable } from '../../db/database.ts'
import { selectImagesOf } from '../../db/images.ts'
import { type DeletedSelection, findObjectByKey, selectDeletedLocalObjects } from '../../db/purge.ts'
import type { BackupObjectRow } from '../../db/rows.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { lookForFile, type Removal, removeFileIn } from '../../disk/local-file.ts'
import { isDeleted } from '../backup-object/find.ts'
import { folderOf, type LocalPlace, localPlaces } from '../backup-storage/local-places.ts'
import { recordChanges } from '../history.ts'
import { canonicalId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { Going } from './going.ts'
import { byUnit, purgeableImages } from './images.ts'
import { type Links, objectsBehindLinks, readLinks, refreshLinks } from './links.ts'
import { partsOf } from './parts.ts'
import type { Purged, PurgeOutcome } from './purge.ts'

/** Objects that are read at once. */
const PAGE = 500

/** Which files a purge would remove at most, as links are not looked at, once the images of `images` are gone. */
export async function findGoingFiles(
  registry: Registry,
  images: DeletedSelection,
  objects: DeletedSelection,
): Promise<Going> {
  const { knex } = registry.database
  const neededOf = neededBesides(registry, images)
  const going = new Going()
  for await (const page of pages(registry, objects)) {
    const needed = await neededOf(knex, page)
    const places = await localPlaces(knex)
    for (const object of page) {
      if (needed.has(idOf(object))) continue
      if (await isShared(knex, places, object, objects.before, neededOf)) continue
      const place = places.find(({ storage }) => storage.id === object.backup_storage_id)
      going.add(idOf(object), `${place?.base ?? place?.storage.base_uri ?? ''}${object.object_key}`)
    }
  }
  return going
}

/** The canonical ids of those of some objects that images need. */
type NeededOf = (db: Queryable, objects: readonly BackupObjectRow[]) => Promise<Set<string | null>>

/** What all images need that are there. */
const needed: NeededOf = async (db, objects) => {
  const users = await selectImagesOf(db, objects.map(idOf), { deleted: true })
  return new Set(users.map((image) => image.backup_object_id))
}

/** What those images need that a purge of others would leave. */
function neededBesides(registry: Registry, images: DeletedSelection): NeededOf {
  return async (db, objects) => {
    const users = await selectImagesOf(db, objects.map(idOf), { deleted: true })
    const database = { ...registry.database, knex: db as Database['knex'] }
    const uuids = users.map((image) => image.uuid)
    const going = await purgeableImages({ ...registry, database }, images, uuids)
    return new Set(users.filter(({ uuid }) => !going.has(uuid)).map((image) => image.backup_object_id))
  }
}

/**
 * Removes the files of backup objects that were deleted long enough ago and lie
 * in local storages, where no image and no other object needs them; the object
 * becomes `purged`, with its history. So does that of a file which is gone already,
 * with a warning, so that a purge which was killed between the file and its row goes
 * on; but not where the folder is empty, as one is that is not mounted. What lies
 * elsewhere than in the storage's folder stays, with a warning.
 *
 * @param images those that were purged before; in a dry run those that would have been.
 */
export async function* purgeFiles(
  registry: Registry,
  images: DeletedSelection,
  selection: DeletedSelection,
  outcome: PurgeOutcome,
): AsyncGenerator<Purged> {
  const { knex } = registry.database
  const isDryRun = registry.onChange !== undefined
  // In a dry run the images that would be gone are there still.
  const neededOf = isDryRun ? neededBesides(registry, images) : needed
  const told = new Set<string>()
  const filled = new Set<string>()
  let links: Links | undefined
  for await (const page of pages(registry, selection)) {
    // No image can begin to use an object that is deleted, so this needs no lock.
    const kept = await neededOf(knex, page)
    for (const object of page) {
      if (kept.has(idOf(object))) continue
      links ??= await readLinks(registry)
      const options = { before: selection.before, links, neededOf, filled, isDryRun }
      // A second try finds the file gone: what the first one removed is told all the same.
      const removed: number[] = []
      const result = await inTransaction(byUnit(registry.database), async (trx) => {
        const done = await purgeFile(trx, object, options)
        if (done !== undefined && 'bytes' in done && done.bytes !== null) removed.push(done.bytes)
        return done
      })
      if (result === undefined) continue
      if ('why' in result) {
        outcome.notRemoved++
        registry.warn(`The file ${result.path} of ${idOf(object)} stays: ${result.why}`)
        continue
      }
      const { path, real } = result
      const [bytes] = removed
      // One that two objects lie at is removed once.
      const isTold = told.has(real)
      told.add(real)
      if (bytes !== undefined) {
        if (!isTold) registry.onChange?.({ action: 'remove', path })
        yield { id: idOf(object), kind: 'file', path, bytes }
      } else if (!isTold) registry.warn(`The file ${path} of ${idOf(object)} is gone already`)
    }
  }
}

interface PurgeOptions {
  before: string
  links: Links
  neededOf: NeededOf
  /** As `removeFileIn` takes it. */
  filled: Set<string>
  isDryRun: boolean
}

/** @returns undefined where the object isn't to be purged any more, or its file is another's too. */
async function purgeFile(
  trx: Queryable,
  { id }: BackupObjectRow,
  { before, links, neededOf, filled, isDryRun }: PurgeOptions,
): Promise<({ path: string } & Removal) | undefined> {
  // Whoever puts an object into a storage keeps its row as it is: none can be put there while these are locked.
  const places = await localPlaces(trx, { lock: 'update' })
  const object = await findObjectByKey(trx, id, { lock: 'update' })
  if (object === undefined || object.state === 'purged' || !isDeleted(object)) return undefined
  if (!isDeletedBefore(object, before)) return undefined
  const place = places.find(({ storage }) => storage.id === object.backup_storage_id)
  if (place === undefined || place.storage.deleted_at !== null) return undefined
  if (place.base === undefined) {
    return { path: place.storage.base_uri + object.object_key, why: `its storage ${place.id} ${place.why}` }
  }
  await refreshLinks(trx, links, places)
  if (await isShared(trx, places, object, before, neededOf, links)) return undefined
  const path = place.base + object.object_key
  const removal = await removeFileIn(folderOf(place.base), path, { isTrial: isDryRun, filled })
  if ('why' in removal) return { path, why: removal.why }
  const now = sqlTime(new Date())
  const changes = { state: 'purged', purged_at: now, updated_at: now }
  await updateBackupObject(trx, object.id, changes)
  await recordChanges(trx, idOf(object), changes, now)
  return { path, ...removal }
}

/** Says whether another object is the same file, through whichever storage or folder and by `links`, and isn't to be purged itself. */
async function isShared(
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
  if (others.some((other) => !isDeletedBefore(other, before))) return true
  return others.length > 0 && (await neededOf(db, others)).size > 0
}

function isDeletedBefore(object: BackupObjectRow, before: string): boolean {
  return isDeleted(object) && (object.deleted_at ?? object.updated_at) < before
}

async function* pages(registry: Registry, selection: DeletedSelection): AsyncGenerator<BackupObjectRow[]> {
  for (const part of partsOf(selection)) {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: BackupObjectRow[] = await selectDeletedLocalObjects(registry.database.knex, part, after, PAGE)
      if (page.length > 0) yield page
      after = page.at(-1)?.id
    }
  }
}

function idOf(object: BackupObjectRow): string {
  return canonicalId('backupObject', object.uuid)
}
