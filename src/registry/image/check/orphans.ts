import type * as z from 'zod/mini'
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

/** Objects that are read at once, and files that are looked up at once: each look-up reads all objects, as no index serves object_key. */
const OBJECTS = 500
const FILES = 8000

/** A file that no object knows, or an object whose file is gone. */
export type Orphan = z.output<typeof orphan>

/** How the search ended. */
export interface OrphanSearch {
  /** Storages, and folders in them, that could not be looked at. */
  notRead: number
}

/**
 * Compares the local storages' folders with the backup objects, in both
 * directions, as it goes: memory does not grow with the number of files or
 * objects, but for those reached by links. A file that is known through any
 * storage is known. Warns of folders that can't be read here: of what should lie
 * there nothing is known.
 *
 * @param storageId only this storage, with or without prefix.
 * @param search told how it ended.
 * @throws VdcError VALUE_REFUSED, STORAGE_NOT_FOUND.
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
  /** Real paths of files that are known: those reached in another way than their object's key says, as by a link, and the registry's own. */
  const known = new Set(await filesOfDatabase(registry))
  if (chosen !== undefined && !places.some(isChosen))
    warn(`${canonicalId('backupStorage', chosen.uuid)} is no local storage`)
  for (const place of places.filter(isChosen)) {
    if (place.realBase === undefined)
      warn(`The storage ${place.id} was not looked at: its folder ${place.storage.base_uri} ${place.why}`)
  }
  // What is reached by a link may lie in any storage, so that all objects are looked at.
  for (const place of places) {
    if (place.realBase === undefined) continue
    for await (const orphan of missingFiles(registry, place, known, warn)) if (isChosen(place)) yield orphan
  }
  const readable = places.filter((place) => place.realBase !== undefined)
  const walkable = readable.filter(isChosen).filter(({ id, realBase }) => {
    const folder = folderOf(realBase as string)
    const isSystem = systemFolderOf(folder) !== undefined
    if (isSystem) warn(`The folder ${folder} of the storage ${id} was not looked at: it is a system folder`)
    return !isSystem
  })
  for (const root of outermost(walkable)) {
    let batch: FoundFile[] = []
    for await (const file of walkFiles(folderOf(root.realBase as string), (path, why) =>
      warn(`The folder ${path} was not looked at: ${why}`),
    )) {
      interruption.throwIfRequested()
      if (!readable.filter(isChosen).some((place) => isIn(file, place)) || known.has(file.path)) continue
      batch.push(file)
      if (batch.length < FILES) continue
      yield* unknownFiles(registry, readable, isChosen, batch)
      batch = []
    }
    yield* unknownFiles(registry, readable, isChosen, batch)
  }
}

/** The real paths of an SQLite registry, which may lie beside the images, and of what SQLite puts beside it. */
async function filesOfDatabase({ settings }: Registry): Promise<string[]> {
  if (settings.engine !== 'sqlite') return []
  const file = await lookForFile(settings.path)
  return typeof file === 'object' ? ['', '-wal', '-shm', '-journal'].map((end) => file.real + end) : []
}

async function* missingFiles(
  registry: Registry,
  { storage, base, realBase }: LocalPlace,
  known: Set<string>,
  warn: (text: string) => void,
): AsyncGenerator<Orphan> {
  const { knex, interruption } = registry.database
  for (let after = 0; ; ) {
    const objects = await selectAliveIn(knex, storage.id, after, OBJECTS)
    const missing: BackupObjectRow[] = []
    for (const object of objects) {
      interruption.throwIfRequested()
      const path = `${base}${object.object_key}`
      const state = await lookForFile(path)
      // Of what is still to come nothing is missing.
      if (state === 'gone') {
        if (object.state === DEFAULT_STATE) missing.push(object)
      } else if (state === 'unknown')
        warn(`The file ${path} of ${canonicalId('backupObject', object.uuid)} could not be looked for`)
      else if (state.real !== `${realBase}${object.object_key}`) known.add(state.real)
    }
    const ids = missing.map((object) => canonicalId('backupObject', object.uuid))
    const images = new Map(ids.map((id) => [id, new Set<string>()]))
    for (const { objectId, uuid } of await usersOf(knex, ids, { deleted: false }))
      images.get(objectId)?.add(canonicalId('image', uuid))
    for (const [index, object] of missing.entries()) {
      const id = ids[index] as string
      const path = `${base}${object.object_key}`
      yield { kind: 'missing_file', id, path, size: null, images: [...(images.get(id) ?? [])] }
    }
    after = objects.at(-1)?.id ?? after
    if (objects.length < OBJECTS) return
  }
}

async function* unknownFiles(
  registry: Registry,
  places: readonly LocalPlace[],
  isChosen: (place: LocalPlace) => boolean,
  files: readonly FoundFile[],
): AsyncGenerator<Orphan> {
  const keys = new Set<string>()
  for (const file of files) {
    if (file.isText) for (const place of places) if (isIn(file, place)) keys.add(keyIn(file, place))
  }
  const storages = places.map(({ storage }) => storage.id)
  const objects = await selectObjectsUnder(registry.database.knex, storages, [...keys])
  const known = new Set(objects.map((object) => `${object.backup_storage_id} ${object.object_key}`))
  for (const file of files) {
    const around = places.filter((place) => isIn(file, place))
    if (file.isText && around.some((place) => known.has(`${place.storage.id} ${keyIn(file, place)}`))) continue
    const [closest] = around.filter(isChosen).sort((a, b) => lengthOf(b) - lengthOf(a))
    if (closest === undefined) continue
    yield { kind: 'unknown_file', id: closest.id, path: file.path, size: await sizeOfFile(file), images: [] }
  }
}

/** The places whose folders lie in no other's: walking these finds each file once. */
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
