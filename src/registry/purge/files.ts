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
import { type Measured, measureFileIn, NOT_MEASURED } from '../../disk/remove/doomed-file.ts'
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

/** Objects that are read at once. */
const PAGE = 500
/** How often a file is hashed at most that is aside each time. */
const MOST_TRIES = 5

/** Which files a purge would remove at most, as no file is looked at, once the images of `images` are gone. */
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
 * Removes the files of backup objects that were deleted long enough ago and lie
 * in local storages, where no image and no other object needs them; the object
 * becomes `purged`, with its history. So does that of a file which is gone already,
 * with a warning, so that a purge which was killed between the file and its row goes
 * on; but not where the folder is empty, as one is that is not mounted. What lies
 * elsewhere than in the storage's folder stays, with a warning; so does what lies in no
 * image folder of this host, and what has not the size and MD5 of its row.
 *
 * @param images those that were purged before; in a dry run those that would have been.
 * @param watcher told of the hashing, which it may end.
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
  // In a dry run the images that would be gone are there still.
  const neededOf = isDryRun ? neededBesides(registry, images) : needed
  const folders = await readImageFolders()
  if (!isDryRun) await settleLeftOvers(registry, folders)
  const told = new Set<string>()
  const filled = new Set<string>()
  let links: Links | undefined
  for await (const page of pages(registry, selection)) {
    // No image can begin to use an object that is deleted, so this needs no lock.
    const kept = await neededOf(knex, page)
    const places = await localPlaces(knex)
    for (const object of page) {
      if (kept.has(idOf(object))) continue
      links ??= await readLinks(registry)
      const options = { before: selection.before, links, neededOf, folders, filled, isDryRun }
      // Before the unit of work, as nobody else could write while it lasts.
      const tryOnce = async () =>
        removing(registry, await measure(knex, places, object, options, watcher), (trx, measured, keep) =>
          purgeFile(trx, object, measured, options, keep),
        )
      let result = await tryOnce()
      // Another purge had it aside meanwhile, and put it back.
      for (let tries = 1; tries < MOST_TRIES && isUnmeasured(result); tries++) result = await tryOnce()
      if (result === undefined) continue
      if ('why' in result) {
        outcome.notRemoved++
        registry.warn(`The file ${result.path} of ${idOf(object)} stays: ${result.why}`)
        continue
      }
      const { path, real, bytes } = result
      // One that two objects lie at is removed once.
      const isTold = told.has(real)
      told.add(real)
      if (bytes !== null) {
        if (!isTold) registry.onChange?.({ action: 'remove', path })
        yield { id: idOf(object), kind: 'file', path, bytes }
      } else if (!isTold) registry.warn(`The file ${path} of ${idOf(object)} is gone already`)
    }
  }
}

function isUnmeasured(result: Purging | undefined): boolean {
  return result !== undefined && 'why' in result && result.why === NOT_MEASURED
}

interface PurgeOptions {
  before: string
  links: Links
  neededOf: NeededOf
  folders: ImageFolders
  /** As `setFileAside` takes it. */
  filled: Set<string>
  isDryRun: boolean
}

/** Hashes an object's file, unless it is clear already that it stays. */
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

/** A file that is to go, or why it stays. */
type Purging = { path: string } & Removal

/**
 * Runs a unit of work that sets a file aside, and removes the file once that is
 * committed. Until then somebody may register it on another node of a cluster,
 * where the locks of this one are unknown: the unit fails, and the file is put back.
 *
 * @param work tells of the file as soon as it is aside.
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
    // To set a file aside and put it back does not change what it holds, though the system counts it as a change.
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
    if (aside !== undefined && !(await aside.file.remove())) return { path: aside.path, why: 'it was moved meanwhile' }
    return result
  } catch (error) {
    if (aside !== undefined && error instanceof VdcError && error.code === 'COMMIT_UNCERTAIN') {
      // Its row may say that it is purged: then nobody would know of the file.
      await aside.file.leave()
      registry.warn(`The file ${aside.path} is set aside: the next purge with --files removes it or puts it back`)
    } else await putBack()
    throw error
  }
}

/** A file that is set aside, and the path where it was. */
interface Aside {
  file: AsideFile
  path: string
}

/** @returns undefined where the object isn't to be purged any more, or its file is another's too. */
async function purgeFile(
  trx: Queryable,
  { id }: BackupObjectRow,
  measured: Measured | undefined,
  { before, links, neededOf, folders, filled, isDryRun }: PurgeOptions,
  keep: (aside: Aside) => void,
): Promise<Purging | undefined> {
  // Whoever puts an object into a storage keeps its row as it is: none can be put there while these are
  // locked, nor through another node of a cluster while all files are claimed.
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
