import type { Database, Queryable } from '../database.ts'
import { type Lock, locked } from '../transactions/locks.ts'
import type { BackupObjectRow, ImageRow } from './rows.ts'
import { deleteRows } from './writes.ts'

/** Which deleted images or objects: those with one of these uuids, or all. */
export interface DeletedSelection {
  /** As the tables hold it: deleted before that. */
  before: string
  uuids?: readonly string[] | undefined
}

/** The first `limit` images above an integer id that were deleted before a time. Where only the state says so, the last change counts. */
export async function selectDeletedImages(
  db: Queryable,
  { before, uuids }: DeletedSelection,
  after: number,
  limit: number,
): Promise<ImageRow[]> {
  const query = db<ImageRow>('images')
    .where('id', '>', after)
    .where((either) => either.whereNotNull('deleted_at').orWhere('state', 'deleted'))
    .whereRaw('COALESCE(??, ??) < ?', ['deleted_at', 'updated_at', before])
    .orderBy('id')
    .limit(limit)
  if (uuids !== undefined) query.whereIn('uuid', uuids)
  const rows: ImageRow[] = await query
  // The collation ignores case.
  return uuids === undefined ? rows : rows.filter((row) => uuids.includes(row.uuid))
}

/** The same images as they are now, kept from others until the transaction ends; those that weren't deleted before that are left out. */
export async function holdDeletedImages(db: Queryable, ids: readonly number[], before: string): Promise<ImageRow[]> {
  const query = db<ImageRow>('images')
    .whereIn('id', ids)
    .where((either) => either.whereNotNull('deleted_at').orWhere('state', 'deleted'))
    .whereRaw('COALESCE(??, ??) < ?', ['deleted_at', 'updated_at', before])
    .orderBy('id')
  return locked(query, 'update')
}

/** Removes the rows of images, given by integer and canonical ids, with their labels and tags. */
export async function removeImages(db: Queryable, images: ReadonlyMap<number, string>): Promise<void> {
  const ids = [...images.values()]
  for (const [table, column] of [
    ['resource_labels', 'resource_uuid'],
    ['tag_mappings', 'uuid'],
  ] as const) {
    const rows: { id: number; owner: string }[] = await db(table)
      .whereIn(column, ids)
      .select('id', `${column} as owner`)
    const own = rows.filter((row) => ids.includes(row.owner)).map((row) => row.id)
    await deleteRows(db, table, own)
  }
  await deleteRows(db, 'images', [...images.keys()])
}

/** The canonical ids that images which aren't deleted name as their parents. */
export async function selectParents(db: Queryable): Promise<string[]> {
  return db('images')
    .whereNotNull('parent_image_id')
    .whereNull('deleted_at')
    .whereNot('state', 'deleted')
    .distinct()
    .pluck('parent_image_id')
}

/**
 * The integer ids of the images that Wakame-vdc's instances were made of, running
 * or not: its table `instances` has them as `image_id`. None where there is no such table.
 */
export async function selectImagesOfInstances({ knex }: Database): Promise<number[]> {
  const { schema } = knex
  const isThere = (await schema.hasTable('instances')) && (await schema.hasColumn('instances', 'image_id'))
  return isThere ? knex('instances').distinct().pluck('image_id') : []
}

/**
 * The first `limit` objects above an integer id that were deleted before a time,
 * are not purged, and lie in local storages that are not deleted.
 */
export async function selectDeletedLocalObjects(
  db: Queryable,
  { before, uuids }: DeletedSelection,
  after: number,
  limit: number,
): Promise<BackupObjectRow[]> {
  const query = db('backup_objects as o')
    .join('backup_storages as s', 's.id', 'o.backup_storage_id')
    .where('s.storage_type', 'local')
    .whereNull('s.deleted_at')
    .where('o.id', '>', after)
    .where((either) => either.whereNotNull('o.deleted_at').orWhere('o.state', 'deleted'))
    .whereNot('o.state', 'purged')
    .whereRaw('COALESCE(??, ??) < ?', ['o.deleted_at', 'o.updated_at', before])
    .orderBy('o.id')
    .limit(limit)
    .select('o.*')
  if (uuids !== undefined) query.whereIn('o.uuid', uuids)
  const rows: BackupObjectRow[] = await query
  return uuids === undefined ? rows : rows.filter((row) => uuids.includes(row.uuid))
}

/** An object by its integer id, as it is now. */
export async function findObjectByKey(
  db: Queryable,
  id: number,
  options: { lock: Lock },
): Promise<BackupObjectRow | undefined> {
  const rows: BackupObjectRow[] = await locked(db<BackupObjectRow>('backup_objects').where({ id }), options.lock)
  return rows[0]
}

/** The entries of histories that tell of some things, by their canonical ids, when they were deleted or last changed, the last one last. */
export async function selectTimesTold(
  db: Queryable,
  ids: readonly string[],
): Promise<{ uuid: string; attr: string; time: string; created_at: string }[]> {
  if (ids.length === 0) return []
  return db('histories')
    .whereIn('uuid', ids)
    .whereIn('attr', ['deleted_at', 'updated_at'])
    .whereNotNull('vchar_value')
    .orderBy('id')
    .select('uuid', 'attr', 'vchar_value as time', 'created_at')
}

/** How far the tables were written: what is stored later has higher integer ids. */
export interface Marks {
  objects: number
  histories: number
}

export async function readMarks(db: Queryable): Promise<Marks> {
  const highest = async (table: string): Promise<number> => {
    const [row] = await db(table).max<{ highest: number | null }[]>('id as highest')
    return row?.highest ?? 0
  }
  return { objects: await highest('backup_objects'), histories: await highest('histories') }
}

/** The first `limit` objects of some storages above an integer id that are not purged, deleted ones too. */
export async function selectObjectsAbove(
  db: Queryable,
  storageKeys: readonly number[],
  after: number,
  limit: number,
): Promise<BackupObjectRow[]> {
  return db<BackupObjectRow>('backup_objects')
    .whereIn('backup_storage_id', storageKeys)
    .where('id', '>', after)
    .whereNot('state', 'purged')
    .orderBy('id')
    .limit(limit)
}

/** The first `limit` entries above an integer id that say of something, by its canonical id, that it lies elsewhere. */
export async function selectMoves(
  db: Queryable,
  after: number,
  limit: number,
): Promise<{ id: number; uuid: string }[]> {
  return db('histories')
    .where('id', '>', after)
    .whereIn('attr', ['object_key', 'backup_storage_id'])
    .orderBy('id')
    .limit(limit)
    .select('id', 'uuid')
}

/** Those of some objects, by their integer ids or their uuids, that are not purged. */
export async function selectUnpurged(
  db: Queryable,
  column: 'id' | 'uuid',
  values: readonly (number | string)[],
): Promise<BackupObjectRow[]> {
  return db<BackupObjectRow>('backup_objects').whereIn(column, values).whereNot('state', 'purged')
}
