import type * as z from 'zod/mini'
import type { Interruption } from '../../../core/interruption.ts'
import { selectAliveIn, selectObjectsUnder } from '../../../db/tables/backup-objects.ts'
import type { BackupObjectRow } from '../../../db/tables/rows.ts'
import { isWithin, lookForFile } from '../../../disk/file/local-file.ts'
import { systemFolderOf } from '../../../disk/folder/system-folders.ts'
import { type FoundFile, sizeOfFile, walkFiles } from '../../../disk/folder/walk-files.ts'
import { usersOf } from '../../backup-object/users.ts'
import { aliveStorage } from '../../backup-storage/find.ts'
import { folderOf, type LocalPlace, localPlaces } from '../../backup-storage/local-folders.ts'
import type { Registry } from '../../registry.ts'
import type { orphan } from '../../results/orphan.ts'
import { canonicalId } from '../../rules/identifiers.ts'
import { DEFAULT_STATE } from '../../rules/values.ts'

/** The number of objects read at once. */
const OBJECTS = 500
/** The number of files looked up at once. Each look-up reads all objects, because object_key has no index. */
const FILES = 8000

/** A file without a backup object, or a backup object without its file. */
export type Orphan = z.output<typeof orphan>

/** The problems of the search. */
export interface OrphanSearch {
  /** The number of storages, folders and files that could not be checked. */
  notRead: number
}

/**
 * Compares the folders of local storages with the backup objects in both directions, and
 * yields the differences as it finds them. Memory does not grow with the number of files
 * or objects, except for files reached through links. A file is known if an object in any
 * storage refers to it. Warns about folders that cannot be read, and skips them.
 *
 * @param storageId check only this storage; ID with or without prefix.
 * @param search counts the storages, folders and files that could not be checked.
 * @throws VdcError VALUE_REFUSED if the ID is not valid; STORAGE_NOT_FOUND if the storage does not exist.
 */
export async function* findOrphans(
  registry: Registry,
  storageId: string | undefined,
  search: OrphanSearch,
): AsyncGenerator<Orphan> {
  const { knex, interruption } = registry.database
  const chosen = storageId === undefined ? undefined : await aliveStorage(knex, storageId)
  const places = await localPlaces(knex)
  const isChosen = ({ storage }: LocalPlace) =>
    storage.storage_type === 'local' &&
    storage.deleted_at === null &&
    (chosen === undefined || storage.id === chosen.id)
  const warn = (text: string) => {
    search.notRead++
    registry.warn(text)
  }
  /** Real paths of known files: those that differ from their object's key, for example through a link, and the registry's own files. */
  const known = new Set(await filesOfDatabase(registry))
  if (chosen !== undefined && !places.some(isChosen))
    warn(`${canonicalId('backupStorage', chosen.uuid)} is not a local storage`)
  for (const { id, storage, why } of places.filter((place) => isChosen(place) && !isReadable(place)))
    warn(`Storage ${id} was not checked: its folder ${storage.base_uri} ${why}`)
  const readable = places.filter(isReadable)
  // A link may lead into any storage, so look at all objects.
  for (const place of readable)
    for await (const orphan of missingFiles(registry, place, known, warn)) if (isChosen(place)) yield orphan
  const chosenPlaces = readable.filter(isChosen)
  const isCandidate = (file: FoundFile) => !known.has(file.path) && chosenPlaces.some((place) => isIn(file, place))
  for (const root of outermost(withoutSystemFolders(chosenPlaces, warn)))
    for await (const files of filesBelow(root, isCandidate, warn, interruption))
      yield* unknownFiles(registry, readable, isChosen, files)
}

function isReadable({ realBase }: LocalPlace): boolean {
  return realBase !== undefined
}

/** Returns the places whose folder may contain images, and warns about the others. */
function withoutSystemFolders(places: readonly LocalPlace[], warn: (text: string) => void): LocalPlace[] {
  return places.filter(({ id, realBase }) => {
    const folder = folderOf(realBase as string)
    if (systemFolderOf(folder) === undefined) return true
    warn(`The folder ${folder} of storage ${id} was not checked: it is a system folder`)
    return false
  })
}

/** Walks a storage's folder and yields the files that pass a filter, in batches. */
async function* filesBelow(
  { realBase }: LocalPlace,
  isCandidate: (file: FoundFile) => boolean,
  warn: (text: string) => void,
  interruption: Interruption,
): AsyncGenerator<FoundFile[]> {
  let batch: FoundFile[] = []
  const skipped = (path: string, why: string) => warn(`The folder ${path} was not checked: ${why}`)
  for await (const file of walkFiles(folderOf(realBase as string), skipped)) {
    interruption.throwIfRequested()
    if (isCandidate(file)) batch.push(file)
    if (batch.length < FILES) continue
    yield batch
    batch = []
  }
  yield batch
}

/** Returns the real paths of an SQLite registry and its journal files, which may be in the same folder as images. */
async function filesOfDatabase({ settings }: Registry): Promise<string[]> {
  if (settings.engine !== 'sqlite') return []
  const file = await lookForFile(settings.path)
  return typeof file === 'object' ? ['', '-wal', '-shm', '-journal'].map((end) => file.real + end) : []
}

async function* missingFiles(
  registry: Registry,
  place: LocalPlace,
  known: Set<string>,
  warn: (text: string) => void,
): AsyncGenerator<Orphan> {
  const { knex, interruption } = registry.database
  for (let after = 0; ; ) {
    const objects = await selectAliveIn(knex, place.storage.id, after, OBJECTS)
    const missing = await withoutFile(objects, place, known, warn, interruption)
    const ids = missing.map((object) => canonicalId('backupObject', object.uuid))
    const images = new Map(ids.map((id) => [id, new Set<string>()]))
    for (const { objectId, uuid } of await usersOf(knex, ids, { deleted: false }))
      images.get(objectId)?.add(canonicalId('image', uuid))
    for (const [index, object] of missing.entries()) {
      const id = ids[index] as string
      const path = `${place.base}${object.object_key}`
      yield { kind: 'missing_file', id, path, size: null, images: [...(images.get(id) ?? [])] }
    }
    after = objects.at(-1)?.id ?? after
    if (objects.length < OBJECTS) return
  }
}

/** Returns the objects without a file; adds the real paths of files that are reached through links to `known`. */
async function withoutFile(
  objects: readonly BackupObjectRow[],
  { base, realBase }: LocalPlace,
  known: Set<string>,
  warn: (text: string) => void,
  interruption: Interruption,
): Promise<BackupObjectRow[]> {
  const missing: BackupObjectRow[] = []
  for (const object of objects) {
    interruption.throwIfRequested()
    const path = `${base}${object.object_key}`
    const file = await lookForFile(path)
    if (typeof file === 'object') {
      if (file.real !== `${realBase}${object.object_key}`) known.add(file.real)
    } else if (file === 'unknown')
      warn(`Could not check whether the file ${path} of ${canonicalId('backupObject', object.uuid)} exists`)
    // An object that is still to be made is not expected to have a file.
    else if (object.state === DEFAULT_STATE) missing.push(object)
  }
  return missing
}

async function* unknownFiles(
  registry: Registry,
  places: readonly LocalPlace[],
  isChosen: (place: LocalPlace) => boolean,
  files: readonly FoundFile[],
): AsyncGenerator<Orphan> {
  const storages = places.map(({ storage }) => storage.id)
  const objects = await selectObjectsUnder(registry.database.knex, storages, keysOf(files, places))
  const known = new Set(objects.map((object) => `${object.backup_storage_id} ${object.object_key}`))
  for (const file of files) {
    const around = places.filter((place) => isIn(file, place))
    if (file.isText && around.some((place) => known.has(`${place.storage.id} ${keyIn(file, place)}`))) continue
    const [closest] = around.filter(isChosen).sort((a, b) => lengthOf(b) - lengthOf(a))
    if (closest === undefined) continue
    yield { kind: 'unknown_file', id: closest.id, path: file.path, size: await sizeOfFile(file), images: [] }
  }
}

/** Returns the keys by which objects in any of the places could refer to the files. */
function keysOf(files: readonly FoundFile[], places: readonly LocalPlace[]): string[] {
  const keys = new Set<string>()
  for (const file of files.filter(({ isText }) => isText))
    for (const place of places) if (isIn(file, place)) keys.add(keyIn(file, place))
  return [...keys]
}

/** Returns the places whose folder is not below another's; walking these finds each file once. */
function outermost(places: readonly LocalPlace[]): LocalPlace[] {
  const folder = (place: LocalPlace) => folderOf(place.realBase as string)
  return places.filter(
    (place, index) =>
      !places.some((other, at) =>
        folder(other) === folder(place) ? at < index : isWithin(folder(place), folder(other)),
      ),
  )
}

function isIn(file: FoundFile, { realBase }: LocalPlace): boolean {
  return realBase !== undefined && file.path.startsWith(realBase)
}

function keyIn(file: FoundFile, place: LocalPlace): string {
  return file.path.slice(lengthOf(place))
}

function lengthOf({ realBase }: LocalPlace): number {
  return realBase?.length ?? 0
}
