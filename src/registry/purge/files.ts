import { asVdcError } from '../../core/errors.ts'
import type { DeletedSelection, ObjectsToPurge } from '../../db/tables/purge.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { lookForFile } from '../../disk/file/local-file.ts'
import { readImageFolders } from '../../disk/folder/image-folders.ts'
import { type LocalPlace, localPlaces } from '../backup-storage/local-folders.ts'
import type { Registry, Watcher } from '../registry.ts'
import { type Links, readLinks } from './aliased-files.ts'
import { candidates } from './candidates.ts'
import { placeOf } from './doomed.ts'
import { settleLeftOvers } from './left-over.ts'
import { idOf, needed, neededBesides } from './needed.ts'
import { type Purging, purgeFileOf } from './object-file.ts'
import type { Purged, PurgeOutcome } from './outcome.ts'
import { Going } from './preview.ts'
import { isShared } from './shared.ts'

/**
 * Finds the files that a purge would remove after it removed `images`. The purge may
 * remove fewer, because this does not look at the files themselves.
 */
export async function findGoingFiles(
  registry: Registry,
  images: DeletedSelection,
  objects: ObjectsToPurge,
): Promise<Going> {
  const { knex } = registry.database
  const neededOf = neededBesides(registry, images)
  const going = new Going()
  for await (const page of candidates(registry, objects)) {
    const needed = await neededOf(knex, page)
    const places = await localPlaces(knex)
    for (const object of page) {
      if (needed.has(idOf(object))) continue
      if (await isShared(knex, places, object, objects.before, neededOf)) continue
      await addFile(going, places, object)
    }
  }
  return going
}

async function addFile(going: Going, places: readonly LocalPlace[], object: BackupObjectRow): Promise<void> {
  const place = placeOf(places, object)
  const path = `${place?.base ?? place?.storage.base_uri ?? ''}${object.object_key}`
  going.add(idOf(object), path)
  const file = await lookForFile(path)
  if (file !== 'gone') going.addBytes(file === 'unknown' ? path : file.real, Number(object.allocation_size))
}

/**
 * Removes the files of backup objects that are in local storages, were deleted long
 * enough ago, and are needed by no image and no other object. Sets the objects' state to
 * `purged` and records it in their history. With `unused`, also those of objects that are not
 * deleted but were not changed for as long; they are deleted in the same unit of work.
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
  selection: ObjectsToPurge,
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
  for await (const page of candidates(registry, selection)) {
    // No image can start to use a deleted object, so this needs no lock. Others are checked again under one.
    const kept = await neededOf(knex, page)
    const places = await localPlaces(knex)
    for (const object of page) {
      if (kept.has(idOf(object))) continue
      links ??= await readLinks(registry)
      const { before, unused = false } = selection
      const options = { before, unused, links, neededOf, folders, filled, isDryRun }
      const result = await purgeFileOf(registry, places, object, options, watcher).catch(async (error) => {
        // The file is set aside, and the object may not be purged.
        if (asVdcError(error).code === 'COMMIT_UNCERTAIN') await settleLeftOvers(registry, folders).catch(() => {})
        throw error
      })
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
  if (isNew) outcome.bytes += bytes
  if (isNew) registry.onChange?.({ action: 'remove', path, bytes })
  return { id, kind: 'file', path, bytes }
}
