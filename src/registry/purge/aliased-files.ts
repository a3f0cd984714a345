import type { Queryable } from '../../db/database.ts'
import { type Marks, readMarks, selectMoves, selectObjectsAbove, selectUnpurged } from '../../db/tables/purge.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { byUnit, inTransaction } from '../../db/transactions/unit-of-work.ts'
import { type FileState, lookForFile } from '../../disk/file/local-file.ts'
import { type LocalPlace, localPlaces } from '../backup-storage/local-folders.ts'
import type { Registry } from '../registry.ts'
import { uuidsIn } from '../rules/identifiers.ts'

/** The number of rows read at once. */
const PAGE = 500

/**
 * The objects whose files have another real path than their keys say, for example through
 * a link or `./`. Includes deleted objects, but not purged ones.
 */
export interface Links {
  /** Integer IDs of the objects, by the real path of their file. */
  objects: Map<string, Set<number>>
  /** The location of each storage when its objects were read. */
  places: Map<number, string>
  /** The last rows that were read. */
  marks: Marks
}

/** Looks at the files of all objects; the time grows with the number of objects. */
export async function readLinks(registry: Registry): Promise<Links> {
  const { knex, interruption } = registry.database
  // While the storages are locked, no transaction is adding an object with a lower ID to them.
  const marks = await inTransaction(byUnit(registry.database), async (trx) => {
    await localPlaces(trx, { lock: 'update' })
    return readMarks(trx)
  })
  const links = { objects: new Map(), places: new Map(), marks }
  await readRelocated(knex, links, await localPlaces(knex), () => interruption.throwIfRequested())
  return links
}

/**
 * Updates the links with objects that were added or moved since, and with all objects of
 * storages whose location changed. Does not notice links made later for known objects.
 *
 * @param db transaction that has locked the storages.
 */
export async function refreshLinks(db: Queryable, links: Links, places: readonly LocalPlace[]): Promise<void> {
  const marks = await readMarks(db)
  const storages = places.map(({ storage }) => storage.id)
  if (marks.objects > links.marks.objects) {
    for await (const object of objectsAbove(db, storages, links.marks.objects))
      await addIfAliased(links, places, object)
  }
  if (marks.histories > links.marks.histories) {
    for await (const object of movedSince(db, links.marks.histories)) await addIfAliased(links, places, object)
  }
  await readRelocated(db, links, places)
  links.marks = marks
}

/** Returns the current rows of the objects that still reach a file through a link. */
export async function objectsBehindLinks(
  db: Queryable,
  links: Links,
  places: readonly LocalPlace[],
  real: string,
): Promise<BackupObjectRow[]> {
  const ids = links.objects.get(real)
  if (ids === undefined) return []
  const behind: BackupObjectRow[] = []
  for (const object of await selectUnpurged(db, 'id', [...ids])) {
    const file = await findAliasedFile(places, object)
    if (file === 'unknown' || (file !== 'gone' && file.real === real)) behind.push(object)
  }
  return behind
}

/** Reads the objects of storages whose location changed since they were read; at first, of all storages. */
async function readRelocated(
  db: Queryable,
  links: Links,
  places: readonly LocalPlace[],
  onObject?: () => void,
): Promise<void> {
  for (const { storage, base, realBase } of places) {
    const where = `${base}\n${realBase}`
    if (links.places.get(storage.id) === where) continue
    if (realBase !== undefined) {
      for await (const object of objectsAbove(db, [storage.id], 0)) {
        onObject?.()
        await addIfAliased(links, places, object)
      }
    }
    links.places.set(storage.id, where)
  }
}

async function addIfAliased(links: Links, places: readonly LocalPlace[], object: BackupObjectRow): Promise<void> {
  const file = await findAliasedFile(places, object)
  if (typeof file === 'object') links.objects.set(file.real, (links.objects.get(file.real) ?? new Set()).add(object.id))
}

/** Finds an object's file; returns 'gone' if its real path is the one that its key says. */
async function findAliasedFile(places: readonly LocalPlace[], object: BackupObjectRow): Promise<FileState> {
  const place = places.find(({ storage }) => storage.id === object.backup_storage_id)
  if (place?.realBase === undefined) return 'unknown'
  const file = await lookForFile(place.base + object.object_key)
  return typeof file === 'object' && file.real === place.realBase + object.object_key ? 'gone' : file
}

async function* objectsAbove(db: Queryable, storages: readonly number[], id: number): AsyncGenerator<BackupObjectRow> {
  for (let after: number | undefined = id; after !== undefined; ) {
    const objects: BackupObjectRow[] = await selectObjectsAbove(db, storages, after, PAGE)
    yield* objects
    after = objects.at(-1)?.id
  }
}

async function* movedSince(db: Queryable, historyId: number): AsyncGenerator<BackupObjectRow> {
  for (let after: number | undefined = historyId; after !== undefined; ) {
    const moves: { id: number; uuid: string }[] = await selectMoves(db, after, PAGE)
    const ids = moves.map(({ uuid }) => uuid)
    const uuids = uuidsIn('backupObject', ids)
    if (uuids.length > 0) yield* await selectUnpurged(db, 'uuid', uuids)
    after = moves.at(-1)?.id
  }
}
