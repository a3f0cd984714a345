import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { updateBackupObject } from '../../db/tables/backup-objects.ts'
import { type DeletedSelection, findObjectByKey, selectDeletedLocalObjects } from '../../db/tables/purge.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { claimEnd } from '../../db/transactions/claims.ts'
import { byUnit, inTransaction, lostRace } from '../../db/transactions/unit-of-work.ts'
import { type ImageFolders, readImageFolders } from '../../disk/folder/image-folders.ts'
import type { AsideFile } from '../../disk/remove/aside-file.ts'
import { CHANGED, type Measured, measureFileIn, NOT_MEASURED } from '../../disk/remove/doomed-file.ts'
import { ASIDE, type Removal, setFileAside } from '../../disk/remove/set-aside.ts'
import { isDeleted } from '../backup-object/find.ts'
import { type LocalPlace, localPlaces } from '../backup-storage/local-folders.ts'
import { recordChanges } from '../history/history.ts'
import type { Registry, Watcher } from '../registry.ts'
import { ALL_FILES } from '../rules/values.ts'
import { deletedBefore } from './age.ts'
import { type Links, readLinks, refreshLinks } from './aliased-files.ts'
import { partsOf } from './batches.ts'
import { doomedFile } from './doomed.ts'
import { settleLeftOvers } from './left-over.ts'
import { idOf, type NeededOf, needed, neededBesides } from './needed.ts'
import type { Purged, PurgeOutcome } from './outcome.ts'
import { Going } from './preview.ts'
import { isShared } from './shared.ts'

/** The number of objects read at once. */
const PAGE = 500
/** How often to try to remove a file that another purge moves each time. */
const MOST_TRIES = 5

/**
 * Finds the files that a purge would remove after it removed `images`. The purge may
 * remove fewer, because this does not look at the files themselves.
 */
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
      const place = placeOf(places, object)
      going.add(idOf(object), `${place?.base ?? place?.storage.base_uri ?? ''}${object.object_key}`)
    }
  }
  return going
}

/**
 * Removes the files of backup objects that are in local storages, were deleted long
 * enough ago, and are needed by no image and no other object. Sets the objects' state to
 * `purged` and records it in their history.
 *
 * If a file is already gone, warns and marks its object as purged, too. This completes a
 * purge that was killed between removing a file and writing its row. An empty folder is
 * an exception, because its file system may not be mounted.
 *
 * Warns about and keeps files that are outside the storage's folder, in no image folder
 * of this host, or whose size or MD5 differs from their row.
 *
 * @param images the images purged before; in a dry run, those that would have been purged.
 * @param outcome counts the files that could not be removed.
 * @param watcher receives the progress of hashing and can cancel it.
 */
export async function* purgeFiles(
  registry: Registry,
  images: DeletedSelection,
  selection: DeletedSelection,
  outcome: PurgeOutcome,
  watcher: Watcher,
): AsyncGenerator<Purged> {
  const { knex } = registry.database
  const isDryRun = registry.onChange !== undefined
  // In a dry run, the images that would be purged still exist.
  const neededOf = isDryRun ? neededBesides(registry, images) : needed
  const folders = await readImageFolders()
  if (!isDryRun) await settleLeftOvers(registry, folders)
  const reported = new Set<string>()
  const filled = new Set<string>()
  let links: Links | undefined
  for await (const page of pages(registry, selection)) {
    // No image can start to use a deleted object, so this needs no lock.
    const kept = await neededOf(knex, page)
    const places = await localPlaces(knex)
    for (const object of page) {
      if (kept.has(idOf(object))) continue
      links ??= await readLinks(registry)
      const options = { before: selection.before, links, neededOf, folders, filled, isDryRun }
      const result = await purgeFileOf(registry, places, object, options, watcher)
      const purged = result && report(registry, idOf(object), result, reported, outcome)
      if (purged !== undefined) yield purged
    }
  }
}

/**
 * Warns about a file that was kept or is already gone; in a dry run, reports the change.
 *
 * @param reported real paths of the files reported so far: a file that two objects share is removed once.
 * @returns undefined if no file was removed.
 */
function report(
  registry: Registry,
  id: string,
  result: Purging,
  reported: Set<string>,
  outcome: PurgeOutcome,
): Purged | undefined {
  if ('why' in result) {
    outcome.notRemoved++
    registry.warn(`The file ${result.path} of ${id} was not removed: ${result.why}`)
    return undefined
  }
  const { path, real, bytes } = result
  const isNew = !reported.has(real)
  reported.add(real)
  if (bytes === null) {
    if (isNew) registry.warn(`The file ${path} of ${id} is already gone`)
    return undefined
  }
  if (isNew) registry.onChange?.({ action: 'remove', path })
  return { id, kind: 'file', path, bytes }
}

/** Purges the file of an object, again if another purge had set the file aside and put it back. */
async function purgeFileOf(
  registry: Registry,
  places: readonly LocalPlace[],
  object: BackupObjectRow,
  options: PurgeOptions,
  watcher: Watcher,
): Promise<Purging | undefined> {
  for (let tries = 1; ; tries++) {
    // Hash before the unit of work, which keeps everybody else from writing.
    const measured = await measure(registry.database.knex, places, object, options, watcher)
    const result = await removing(registry, measured, (trx, measured, keep) =>
      purgeFile(trx, object, measured, options, keep),
    )
    if (tries === MOST_TRIES || !isMovedByAnother(result)) return result
  }
}

/** Returns true if a file was kept for a reason that another purge may have caused, which sets the file aside and puts it back. */
function isMovedByAnother(result: Purging | undefined): boolean {
  return result !== undefined && 'why' in result && [NOT_MEASURED, CHANGED].includes(result.why)
}

interface PurgeOptions {
  before: string
  links: Links
  neededOf: NeededOf
  folders: ImageFolders
  /** Passed to `setFileAside`. */
  filled: Set<string>
  isDryRun: boolean
}

/** Hashes an object's file; returns undefined if the file must be kept anyway. */
async function measure(
  db: Queryable,
  places: readonly LocalPlace[],
  object: BackupObjectRow,
  { before, neededOf, links, folders }: PurgeOptions,
  watcher: Watcher,
): Promise<Measured | undefined> {
  const base = placeOf(places, object)?.base
  if (base === undefined || (await isShared(db, places, object, before, neededOf, links))) return undefined
  return measureFileIn(doomedFile(base, object), folders, watcher)
}

/** The removal of a file, or why the file is kept. */
type Purging = { path: string } & Removal

/**
 * Runs a unit of work that sets a file aside, and removes the file after the commit.
 * Until then, another node of a cluster, which does not see this node's locks, may register
 * the file: then the unit of work fails and the file is put back.
 *
 * @param work calls `keep` as soon as the file is set aside.
 */
async function removing(
  registry: Registry,
  measured: Measured | undefined,
  work: (trx: Queryable, measured: Measured | undefined, keep: (aside: Aside) => void) => Promise<Purging | undefined>,
): Promise<Purging | undefined> {
  let aside: Aside | undefined
  let now = measured
  const putBack = async () => {
    const back = await aside?.file.putBack()
    // Moving a file changes its state for the system, but not its contents.
    if (back && back.state !== undefined && now !== undefined && 'state' in now) now = { ...now, state: back.state }
    aside = undefined
  }
  try {
    const result = await inTransaction(byUnit(registry.database), async (trx) => {
      await putBack()
      return work(trx, now, (file) => {
        aside = file
      })
    })
    if (aside !== undefined && !(await aside.file.remove()))
      return { path: aside.path, why: 'it was moved in the meantime' }
    return result
  } catch (error) {
    if (aside !== undefined && error instanceof VdcError && error.code === 'COMMIT_UNCERTAIN') {
      // If its row says `purged`, no later purge would find the file under its own name.
      await aside.file.leave()
      registry.warn(`The file ${aside.path} is set aside: the next purge with --files removes it or puts it back`)
    } else await putBack()
    throw error
  }
}

/** A file that is set aside, and its original path. */
interface Aside {
  file: AsideFile
  path: string
}

/** Returns undefined if the object is no longer to be purged or shares its file with another object. */
async function purgeFile(
  trx: Queryable,
  { id }: BackupObjectRow,
  measured: Measured | undefined,
  { before, links, neededOf, folders, filled, isDryRun }: PurgeOptions,
  keep: (aside: Aside) => void,
): Promise<Purging | undefined> {
  // Adding an object locks its storage's row, so this lock keeps objects from being added; the
  // claim does the same for other nodes of a cluster.
  await claimEnd(trx, ALL_FILES)
  const places = await localPlaces(trx, { lock: 'update' })
  const object = await findObjectByKey(trx, id, { lock: 'update' })
  if (object === undefined || object.state === 'purged' || !isDeleted(object)) return undefined
  if ((await deletedBefore(trx, 'backupObject', [object], before)).length === 0) return undefined
  const place = placeOf(places, object)
  if (place === undefined || place.storage.deleted_at !== null) return undefined
  if (place.base === undefined) {
    return { path: place.storage.base_uri + object.object_key, why: `its storage ${place.id} ${place.why}` }
  }
  await refreshLinks(trx, links, places)
  if (await isShared(trx, places, object, before, neededOf, links)) return undefined
  const doomed = doomedFile(place.base, object)
  const removal = await setFileAside(doomed, folders, measured, { uuid: object.uuid, isTrial: isDryRun, filled })
  if ('why' in removal) {
    if (removal.why === ASIDE) throw lostRace(`whether the file ${doomed.path} is removed`)
    return { path: doomed.path, why: removal.why }
  }
  if (removal.aside !== undefined) keep({ file: removal.aside, path: doomed.path })
  const now = sqlTime(new Date())
  const changes = { state: 'purged', purged_at: now, updated_at: now }
  await updateBackupObject(trx, object.id, changes)
  await recordChanges(trx, idOf(object), changes, now)
  return { path: doomed.path, ...removal }
}

function placeOf(places: readonly LocalPlace[], object: BackupObjectRow): LocalPlace | undefined {
  return places.find(({ storage }) => storage.id === object.backup_storage_id)
}

async function* pages(registry: Registry, selection: DeletedSelection): AsyncGenerator<BackupObjectRow[]> {
  const { knex } = registry.database
  for (const part of partsOf(selection)) {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: BackupObjectRow[] = await selectDeletedLocalObjects(knex, part, after, PAGE)
      const old = await deletedBefore(knex, 'backupObject', page, selection.before)
      if (old.length > 0) yield old
      after = page.at(-1)?.id
    }
  }
}
