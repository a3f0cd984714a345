import type { Knex } from 'knex'
import { type Database, type Queryable, streamRows } from './database.ts'
import { exact } from './exact.ts'
import { type Lock, locked } from './locks.ts'
import type { ImageRow, Int64, NewRow } from './rows.ts'

/** Which images a list holds. */
export interface ImageSelection {
  /** Only images that this account owns; canonical id. */
  ownedBy?: string | undefined
  /** Only images that one of these accounts owns, or that are public; canonical ids. */
  ownedByOrPublic?: readonly string[] | undefined
  /** Only images in this state; deleted ones pass where `deleted` is set. */
  state?: string | undefined
  /** Only images that have all of these labels; without a value, whatever theirs is. */
  labels?: readonly { name: string; value?: string | undefined }[] | undefined
  /** Deleted images too. */
  deleted: boolean
}

/** A line of a list: an image and what its backup object knows of its size. */
export type ImageListRow = Pick<
  ImageRow,
  | 'id'
  | 'uuid'
  | 'display_name'
  | 'account_id'
  | 'arch'
  | 'file_format'
  | 'state'
  | 'is_public'
  | 'created_at'
  | 'deleted_at'
  | 'features'
  | 'volumes'
  | 'vifs'
> & {
  /** Bytes of the disk image after unpacking; null where there is no such object. */
  size: Int64 | null
  /** The label with the virtual size in bytes, as decimal text. */
  virtual_size: string | null
}

type JoinedRow = ImageListRow & {
  backup_object_id: string | null
  object_uuid: string | null
  resource_uuid: string | null
}

/** Finds an image, deleted or not, by its exact uuid. */
export async function findImage(
  db: Queryable,
  uuid: string,
  options: { lock?: Lock } = {},
): Promise<ImageRow | undefined> {
  const rows: ImageRow[] = await locked(db<ImageRow>('images').where({ uuid }), options.lock)
  // The collation ignores case and trailing blanks.
  return rows.find((row) => row.uuid === uuid)
}

/**
 * Says whether a new image can't have this uuid: the unique index ignores case,
 * deleted images keep theirs, and so do those that were purged, by their history.
 */
export async function isImageUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  return (
    (await db('images').where({ uuid }).first('id')) !== undefined ||
    (await db('histories')
      .where({ uuid: `wmi-${uuid}` })
      .first('id')) !== undefined
  )
}

/** Says whether an account, given by its canonical id, owns an image, deleted or not. */
export async function ownsImages(database: Database, accountId: string): Promise<boolean> {
  const query = database
    .knex('images')
    .where('account_id', accountId)
    .where(exact(database, 'account_id') as never, accountId)
  return (await query.first('id')) !== undefined
}

/** The uuids of the first `limit` images that aren't deleted and whose `column` holds exactly this canonical id. */
export async function selectAliveUuidsBy(
  db: Queryable,
  column: 'account_id' | 'backup_object_id',
  id: string,
  limit: number,
): Promise<string[]> {
  const uuids: string[] = []
  // The collation ignores case, so some of what is found may be another's.
  for (let offset = 0; uuids.length < limit; offset += limit) {
    const rows: ImageRow[] = await db<ImageRow>('images')
      .where(column, id)
      .whereNull('deleted_at')
      .whereNot('state', 'deleted')
      .orderBy('id')
      .offset(offset)
      .limit(limit)
    uuids.push(...rows.filter((row) => row[column] === id).map((row) => row.uuid))
    if (rows.length < limit) break
  }
  return uuids.slice(0, limit)
}

/** The images that refer to one of these backup objects, given by their canonical ids; deleted ones only with `deleted`. */
export async function selectImagesOf(
  db: Queryable,
  objectIds: readonly string[],
  options: { deleted: boolean },
): Promise<Pick<ImageRow, 'uuid' | 'backup_object_id'>[]> {
  if (objectIds.length === 0) return []
  const query = db<ImageRow>('images').whereIn('backup_object_id', objectIds).orderBy('id')
  if (!options.deleted) query.whereNull('deleted_at').whereNot('state', 'deleted')
  const rows: Pick<ImageRow, 'uuid' | 'backup_object_id'>[] = await query.select('uuid', 'backup_object_id')
  return rows.filter((row) => objectIds.includes(row.backup_object_id ?? ''))
}

export async function insertImage(db: Queryable, row: NewRow<ImageRow>): Promise<void> {
  await db('images').insert(row)
}

export async function updateImage(db: Queryable, id: number, changes: Partial<ImageRow>): Promise<void> {
  await db('images').where({ id }).update(changes)
}

/**
 * Streams a list of images, oldest first, as the database delivers them.
 *
 * @param virtualSizeLabel name of the label of a backup object that holds the virtual size.
 */
export async function* streamImages(
  database: Database,
  selection: ImageSelection,
  virtualSizeLabel: string,
): AsyncGenerator<ImageListRow> {
  const db = database.knex
  const query = db('images as i')
    // backup_object_id is canonical, backup_objects.uuid is trimmed of its `bo-`.
    .leftJoin('backup_objects as o', 'o.uuid', db.raw('SUBSTR(??, 4)', ['i.backup_object_id']))
    .leftJoin('resource_labels as v', (join) =>
      join.on('v.resource_uuid', 'i.backup_object_id').andOn('v.name', db.raw('?', [virtualSizeLabel])),
    )
    .select(
      'i.id',
      'i.uuid',
      'i.display_name',
      'i.account_id',
      'i.arch',
      'i.file_format',
      'i.state',
      'i.is_public',
      'i.created_at',
      'i.deleted_at',
      'i.features',
      'i.volumes',
      'i.vifs',
    )
    .select(
      'o.size',
      'v.string_value as virtual_size',
      'i.backup_object_id',
      'o.uuid as object_uuid',
      'v.resource_uuid',
    )
    .orderBy('i.id')
  if (!selection.deleted) query.whereNull('i.deleted_at').whereNot('i.state', 'deleted')
  const { ownedBy, ownedByOrPublic, state } = selection
  const owned = (clause: Knex.QueryBuilder, ids: readonly string[]) =>
    clause.whereIn('i.account_id', ids).whereIn(exact(database, 'i.account_id') as never, ids)
  if (ownedBy !== undefined) owned(query, [ownedBy])
  if (ownedByOrPublic !== undefined) {
    query.where((either) => either.where((some) => owned(some, ownedByOrPublic)).orWhere('i.is_public', 1))
  }
  if (state !== undefined) {
    query.where((either) => {
      either.where('i.state', state)
      if (selection.deleted) either.orWhereNotNull('i.deleted_at').orWhere('i.state', 'deleted')
    })
  }
  for (const { name, value } of selection.labels ?? []) {
    query.whereExists((label) => {
      const bytes = (text: string) => (database.engine === 'mysql' ? `CAST(${text} AS BINARY)` : text)
      const mine = database.engine === 'mysql' ? "CONCAT('wmi-', ??)" : "'wmi-' || ??"
      label
        .from('resource_labels as l')
        .select('l.id')
        .where('l.name', name)
        .where(exact(database, 'l.name') as never, name)
      label.whereRaw(`?? = ${mine}`, ['l.resource_uuid', 'i.uuid'])
      label.whereRaw(`${bytes('??')} = ${bytes(mine)}`, ['l.resource_uuid', 'i.uuid'])
      if (value !== undefined)
        label.whereRaw(`${bytes('COALESCE(??, ??)')} = ?`, ['l.string_value', 'l.blob_value', value])
    })
  }
  for await (const row of streamRows<JoinedRow>(database, query)) {
    // The joins ignore case.
    if (row.object_uuid === null || `bo-${row.object_uuid}` !== row.backup_object_id) row.size = null
    if (row.resource_uuid !== row.backup_object_id) row.virtual_size = null
    yield row
  }
}
