import type { Database, Queryable } from '../database.ts'
import { type Lock, locked } from '../transactions/locks.ts'
import type { BackupObjectRow, ImageRow } from './rows.ts'
import { deleteRows } from './writes.ts'

/** Selects deleted images or objects. */
export interface DeletedSelection {
  /** Only rows deleted before this time; `YYYY-MM-DD HH:MM:SS`. */
  before: string
  /** Only rows with one of these uuids; default: all. */
  uuids?: readonly string[] | undefined
}

/**
 * Returns the first `limit` images with an integer ID above `after` that were deleted before a
 * time. For images without `deleted_at`, the time of the last change counts.
 */
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

/** Locks images, given by integer ID, until the transaction ends, and returns those that were deleted before a time. */
export async function holdDeletedImages(db: Queryable, ids: readonly number[], before: string): Promise<ImageRow[]> {
  const query = db<ImageRow>('images')
    .whereIn('id', ids)
    .where((either) => either.whereNotNull('deleted_at').orWhere('state', 'deleted'))
    .whereRaw('COALESCE(??, ??) < ?', ['deleted_at', 'updated_at', before])
    .orderBy('id')
  return locked(query, 'update')
}

/** Deletes the rows of images, given by integer and canonical IDs, with their labels and tags. */
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

/** Returns the canonical IDs of the parents of all images that are not deleted. */
export async function selectParents(db: Queryable): Promise<string[]> {
  return db('images')
    .whereNotNull('parent_image_id')
    .whereNull('deleted_at')
    .whereNot('state', 'deleted')
    .distinct()
    .pluck('parent_image_id')
}

/**
 * Returns the integer IDs of the images that Wakame-vdc's instances, running or not, were
 * created from (`instances.image_id`). Empty if there is no such table.
 */
export async function selectImagesOfInstances({ knex }: Database): Promise<number[]> {
  const { schema } = knex
  const isThere = (await schema.hasTable('instances')) && (await schema.hasColumn('instances', 'image_id'))
  return isThere ? knex('instances').distinct().pluck('image_id') : []
}

/** Selects objects whose files may be removed. */
export interface ObjectsToPurge extends DeletedSelection {
  /** Also objects that are not deleted and were not changed since that time. */
  unused?: boolean
}

/**
 * Returns the first `limit` objects with an integer ID above `after` that were deleted before
 * a time, are not purged, and are in local storages that are not deleted.
 */
export async function selectLocalObjectsToPurge(
  db: Queryable,
  { before, uuids, unused }: ObjectsToPurge,
  after: number,
  limit: number,
): Promise<BackupObjectRow[]> {
  const query = db('backup_objects as o')
    .join('backup_storages as s', 's.id', 'o.backup_storage_id')
    .where('s.storage_type', 'local')
    .whereNull('s.deleted_at')
    .where('o.id', '>', after)
    .whereNot('o.state', 'purged')
    .whereRaw('COALESCE(??, ??) < ?', ['o.deleted_at', 'o.updated_at', before])
    .orderBy('o.id')
    .limit(limit)
    .select('o.*')
  if (!unused) query.where((either) => either.whereNotNull('o.deleted_at').orWhere('o.state', 'deleted'))
  if (uuids !== undefined) query.whereIn('o.uuid', uuids)
  const rows: BackupObjectRow[] = await query
  return uuids === undefined ? rows : rows.filter((row) => uuids.includes(row.uuid))
}

/** Finds an object, deleted or not, by its integer ID, and locks it. Returns undefined if there is none. */
export async function findObjectByKey(
  db: Queryable,
  id: number,
  options: { lock: Lock },
): Promise<BackupObjectRow | undefined> {
  const rows: BackupObjectRow[] = await locked(db<BackupObjectRow>('backup_objects').where({ id }), options.lock)
  return rows[0]
}

/** Returns the history entries of things, given by canonical ID, with the times of their deletion and changes; latest last. */
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

/**
 * Returns the history entries with the backup objects of images that ever had one of the objects, given by
 * canonical ID; latest last. Reads the whole table.
 */
export async function selectObjectsHad(
  db: Queryable,
  objectIds: readonly string[],
): Promise<{ uuid: string; objectId: string | null; created_at: string }[]> {
  if (objectIds.length === 0) return []
  const attr = 'backup_object_id'
  const had = db('histories').where({ attr }).whereIn('vchar_value', objectIds).select('uuid')
  return db('histories')
    .where({ attr })
    .whereIn('uuid', had)
    .orderBy('id')
    .select('uuid', 'vchar_value as objectId', 'created_at')
}

/** The highest integer IDs of two tables. Rows that are stored later have higher ones. */
export interface Marks {
  objects: number
  histories: number
}

/** Returns the highest integer IDs of backup objects and histories; 0 for an empty table. */
export async function readMarks(db: Queryable): Promise<Marks> {
  const highest = async (table: string): Promise<number> => {
    const [row] = await db(table).max<{ highest: number | null }[]>('id as highest')
    return row?.highest ?? 0
  }
  return { objects: await highest('backup_objects'), histories: await highest('histories') }
}

/** Returns the first `limit` objects of the storages, deleted or not, with an integer ID above `after` that are not purged. */
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

/** Returns the first `limit` history entries with an integer ID above `after` that record a new location of a file. */
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

/** Returns those of the objects, given by integer ID or uuid, that are not purged. */
export async function selectUnpurged(
  db: Queryable,
  column: 'id' | 'uuid',
  values: readonly (number | string)[],
): Promise<BackupObjectRow[]> {
  return db<BackupObjectRow>('backup_objects').whereIn(column, values).whereNot('state', 'purged')
}
