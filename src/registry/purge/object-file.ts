import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { updateBackupObject } from '../../db/tables/backup-objects.ts'
import { findObjectByKey } from '../../db/tables/purge.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { deleteTagMappings } from '../../db/tables/tag-mappings.ts'
import { claimEnd } from '../../db/transactions/claims.ts'
import { byUnit, inTransaction, lostRace } from '../../db/transactions/unit-of-work.ts'
import type { ImageFolders } from '../../disk/folder/image-folders.ts'
import type { AsideFile } from '../../disk/remove/aside-file.ts'
import { CHANGED, type Measured, measureFileIn, NOT_MEASURED } from '../../disk/remove/doomed-file.ts'
import { ASIDE, type Removal, setFileAside } from '../../disk/remove/set-aside.ts'
import { isDeleted } from '../backup-object/find.ts'
import { type LocalPlace, localPlaces } from '../backup-storage/local-folders.ts'
import { recordChanges } from '../history/history.ts'
import type { Registry, Watcher } from '../registry.ts'
import { ALL_FILES } from '../rules/values.ts'
import { deletedBefore } from './age.ts'
import { type Links, refreshLinks } from './aliased-files.ts'
import { doomedFile, placeOf } from './doomed.ts'
import { idOf, type NeededOf } from './needed.ts'
import { isShared } from './shared.ts'

/** How often to try to remove a file that another purge moves each time. */
const MOST_TRIES = 5

/** The removal of a file, or why the file is kept. */
export type Purging = { path: string } & Removal

/**
 * Removes the file of an object, and sets the object's state to `purged`, in one unit of work. Tries
 * again if another purge had set the file aside and put it back.
 *
 * @param places the locations of all file storages.
 * @param watcher receives the progress of hashing and can cancel it.
 * @returns undefined if the object must not be purged or shares its file with another object.
 * @throws VdcError INTERRUPTED, TERMINATED, DATABASE_…
 */
export async function purgeFileOf(
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

/** How to purge files. */
export interface PurgeOptions {
  /** Purge only objects deleted before this time, as the tables store times. */
  before: string
  /** Purge objects, too, that are not deleted and were not changed since. */
  unused: boolean
  links: Links
  neededOf: NeededOf
  folders: ImageFolders
  /** Passed to `setFileAside`. */
  filled: Set<string>
  /** Only check whether the file could be removed. */
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
  { id, uuid }: BackupObjectRow,
  measured: Measured | undefined,
  options: PurgeOptions,
  keep: (aside: Aside) => void,
): Promise<Purging | undefined> {
  const { before, unused, links, neededOf, folders, filled, isDryRun } = options
  // Adding an object locks its storage's row, so this lock keeps objects from being added; the
  // claim does the same for other nodes of a cluster.
  await claimEnd(trx, ALL_FILES, ...(unused ? [idOf({ uuid })] : []))
  const places = await localPlaces(trx, { lock: 'update' })
  const object = await findObjectByKey(trx, id, { lock: 'update' })
  if (object === undefined || !(await mayPurge(trx, object, options))) return undefined
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
  const deletion = isDeleted(object) ? {} : { deleted_at: now }
  const changes = { ...deletion, state: 'purged', purged_at: now, updated_at: now }
  await updateBackupObject(trx, object.id, changes)
  if (!isDeleted(object)) await deleteTagMappings(trx, [idOf(object)])
  await recordChanges(trx, idOf(object), changes, now)
  return { path: doomed.path, ...removal }
}

/** Returns true if a locked object is deleted, or may be deleted because no image uses it, for long enough. */
async function mayPurge(
  trx: Queryable,
  object: BackupObjectRow,
  { before, unused, neededOf }: PurgeOptions,
): Promise<boolean> {
  if (object.state === 'purged') return false
  // The lock keeps images from starting to use an object that is not deleted.
  if (!isDeleted(object) && (!unused || (await neededOf(trx, [object])).size > 0)) return false
  return (await deletedBefore(trx, 'backupObject', [object], before)).length > 0
}
