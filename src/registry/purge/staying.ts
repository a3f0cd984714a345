import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { lookForFile } from '../../disk/file/local-file.ts'
import { isDeleted } from '../backup-object/find.ts'
import { type LocalPlace, localPlaces } from '../backup-storage/local-folders.ts'
import type { Registry } from '../registry.ts'
import { uuidsIn } from '../rules/identifiers.ts'
import { deletedBefore } from './age.ts'
import { candidates } from './candidates.ts'
import { placeOf } from './doomed.ts'
import { idOf, type NeededOf, neededBesides } from './needed.ts'
import { Going } from './preview.ts'
import type { PurgePlan } from './purge.ts'
import { isShared } from './shared.ts'

/** Why a purge keeps files, in the order in which people are told. */
const REASONS = {
  used: 'used by images that stay',
  shared: 'shared with other backup objects',
  alive: 'of backup objects that are not deleted (see --unused)',
  young: 'of backup objects that were deleted or changed too recently',
  remote: 'not in a local storage',
  unasked: 'removed only with --files',
} as const
type Reason = keyof typeof REASONS

/** Files that a purge keeps for the same reason. */
export interface Staying {
  count: number
  /** Bytes in the storages; a file counts once, even if several objects have it. */
  bytes: number
  /** The reason, to follow their number. */
  why: string
}

/** The number of objects read at once. */
const PAGE = 500

/** Finds the files of purged images, and of objects that a purge considers, that stay after the purge. */
export async function findStaying(registry: Registry, plan: PurgePlan): Promise<Staying[]> {
  const { knex } = registry.database
  const neededOf = neededBesides(registry, plan.images)
  const counts = new Map<Reason, Going>()
  const places = await localPlaces(knex)
  const seen = new Set<number>()
  for await (const page of considered(registry, plan)) {
    const objects = page.filter(({ id, state }) => state !== 'purged' && !seen.has(id))
    const needed = await neededOf(knex, objects)
    for (const object of objects) {
      seen.add(object.id)
      const reason = await reasonToStay(registry, plan, places, object, needed, neededOf)
      if (reason === undefined) continue
      const path = await pathOfFile(places, object)
      if (path === undefined) continue
      const going = counts.get(reason) ?? new Going()
      counts.set(reason, going)
      going.add(idOf(object), path)
      going.addBytes(path, Number(object.allocation_size))
    }
  }
  return (Object.keys(REASONS) as Reason[]).flatMap((reason) => {
    const going = counts.get(reason)
    return going === undefined ? [] : [{ count: going.count, bytes: going.bytes, why: REASONS[reason] }]
  })
}

async function* considered(registry: Registry, { going, objects }: PurgePlan): AsyncGenerator<BackupObjectRow[]> {
  const ids = [...going.images.objectIds]
  for (let start = 0; start < ids.length; start += PAGE) {
    const uuids = uuidsIn('backupObject', ids.slice(start, start + PAGE))
    yield await selectRowsByUuid(registry.database.knex, 'backup_objects', uuids)
  }
  if (objects !== undefined) yield* candidates(registry, objects)
}

/** Returns undefined if the purge removes the file. */
async function reasonToStay(
  { database: { knex } }: Registry,
  { images: { before }, objects }: PurgePlan,
  places: readonly LocalPlace[],
  object: BackupObjectRow,
  needed: ReadonlySet<string>,
  neededOf: NeededOf,
): Promise<Reason | undefined> {
  if (needed.has(idOf(object))) return 'used'
  if (!isDeleted(object) && !objects?.unused) return 'alive'
  const place = placeOf(places, object)
  if (place === undefined || place.storage.storage_type !== 'local' || place.storage.deleted_at !== null)
    return 'remote'
  if ((await deletedBefore(knex, 'backupObject', [object], before)).length === 0) return 'young'
  if (await isShared(knex, places, object, before, neededOf)) return 'shared'
  return objects === undefined ? 'unasked' : undefined
}

/** Returns the real path of an object's file, or its URI in another storage; undefined if the file is gone. */
async function pathOfFile(places: readonly LocalPlace[], object: BackupObjectRow): Promise<string | undefined> {
  const base = placeOf(places, object)?.base
  if (base === undefined) return `${object.backup_storage_id} ${object.object_key}`
  const file = await lookForFile(base + object.object_key)
  if (file === 'gone') return undefined
  return file === 'unknown' ? base + object.object_key : file.real
}
