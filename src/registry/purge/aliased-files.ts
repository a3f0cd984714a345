import type { Queryable } from '../../db/database.ts'
import { type Marks, readMarks, selectMoves, selectObjectsAbove, selectUnpurged } from '../../db/tables/purge.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { byUnit, inTransaction } from '../../db/transactions/unit-of-work.ts'
import { type FileState, lookForFile } from '../../disk/file/local-file.ts'
import { type LocalPlace, localPlaces } from '../backup-storage/local-folders.ts'
import type { Registry } from '../registry.ts'
import { uuidsIn } from '../rules/identifiers.ts'

/** Rows that are read at once. */
const PAGE = 500

/** Which objects reach their files in another way than their keys say, as by a link or `./`; those deleted too, but not those purged. */
export interface Links {
  /** Integer ids of such objects, by the real paths of their files. */
  objects: Map<string, Set<number>>
  /** Where each storage was when its objects were read. */
  places: Map<number, string>
  /** How far was read. */
  marks: Marks
}

/** Looks at the files of all objects; takes as long as there are objects. */
export async function readLinks(registry: Registry): Promise<Links> {
  const { knex, interruption } = registry.database
  // While the storages are locked nothing is on its way into them that has a lower id.
  const marks = await inTransaction(byUnit(registry.database), async (trx) => {
    await localPlaces(trx, { lock: 'update' })
    return readMarks(trx)
  })
  const links = { objects: new Map(), places: new Map(), marks }
  await readMoved(knex, links, await localPlaces(knex), () => interruption.throwIfRequested())
  return links
}

/**
 * Looks at what came into storages since the last look: objects that were added
 * or moved, and all of a storage that is elsewhere now. A link that somebody
 * makes for an object that was there already is not seen.
 *
 * @param db where the storages are locked.
 */
export async function refreshLinks(db: Queryable, links: Links, places: readonly LocalPlace[]): Promise<void> {
  const marks = await readMarks(db)
  const storages = places.map(({ storage }) => storage.id)
  if (marks.objects > links.marks.objects) {
    for await (const object of objectsAbove(db, storages, links.marks.objects)) await look(links, places, object)
  }
  if (marks.histories > links.marks.histories) {
    for await (const object of movedSince(db, links.marks.histories)) await look(links, places, object)
  }
  await readMoved(db, links, places)
  links.marks = marks
}

/** The objects that reach a file so, as they are now. */
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
    const file = await lookBehind(places, object)
    if (file === 'unknown' || (file !== 'gone' && file.real === real)) behind.push(object)
  }
  return behind
}

/** Reads the objects of storages that are elsewhere than when they were read, as all are at first. */
async function readMoved(
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
        await look(links, places, object)
      }
    }
    links.places.set(storage.id, where)
  }
}

async function look(links: Links, places: readonly LocalPlace[], object: BackupObjectRow): Promise<void> {
  const file = await lookBehind(places, object)
  if (typeof file === 'object') links.objects.set(file.real, (links.objects.get(file.real) ?? new Set()).add(object.id))
}

/** Where an object's file is, unless that is where its key says. */
async function lookBehind(places: readonly LocalPlace[], object: BackupObjectRow): Promise<FileState> {
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
