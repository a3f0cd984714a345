import { VdcError } from '../../core/errors.ts'
import type { Database, Queryable } from '../database.ts'
import { completeRow } from '../schema/wakame-schema.ts'
import { distinctTexts, exact, isSqlite } from '../sql/exact-text.ts'
import { select } from '../statement.ts'
import type { Lock } from '../transactions/locks.ts'
import type { ImageRow, NewRow } from './rows.ts'
import { insertRow, insertRowUnless, updateRows } from './writes.ts'

/** Finds an image, deleted or not, by its exact uuid. Returns undefined if there is none. */
export async function findImage(
  db: Queryable,
  uuid: string,
  options: { lock?: Lock } = {},
): Promise<ImageRow | undefined> {
  const rows = await select<ImageRow>(db, 'SELECT * FROM images WHERE uuid = ?', [uuid], options.lock)
  // The collation ignores case and trailing spaces.
  const row = rows.find((row) => row.uuid === uuid)
  return row && completeRow('images', row)
}

const IMAGE_WITH_UUID = 'SELECT 1 FROM images WHERE uuid = ?'
const HISTORY_OF_ID = 'SELECT 1 FROM histories WHERE uuid = ?'
/** On SQLite, case counts in `histories.uuid`; an index that ignores it has only the rows of purged images. */
const PURGED_WITH_ID = "SELECT 1 FROM histories WHERE uuid COLLATE NOCASE = ? AND attr = 'purged_at'"

/** Returns a query that finds a row if a new image cannot have a uuid. */
function takenUuid(db: Queryable, uuid: string) {
  const id = `wmi-${uuid}`
  const queries = [IMAGE_WITH_UUID, HISTORY_OF_ID, ...(isSqlite(db) ? [PURGED_WITH_ID] : [])]
  const values = queries.map((query) => (query === IMAGE_WITH_UUID ? uuid : id))
  return { query: queries.join(' UNION ALL '), values }
}

/**
 * Returns true if a new image cannot have this uuid. The unique index ignores case. The
 * uuids of deleted images stay reserved, and so do those of purged images, through their
 * histories.
 */
export async function isImageUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  const { query, values } = takenUuid(db, uuid)
  return (await select(db, `${query} LIMIT 1`, values)).length > 0
}

/** Returns true if an account, given by canonical ID, owns an image, deleted or not. */
export async function ownsImages(database: Database, accountId: string): Promise<boolean> {
  const query = database
    .knex('images')
    .where('account_id', accountId)
    .where(exact(database, 'account_id') as never, accountId)
  return (await query.first('id')) !== undefined
}

/** Returns the uuids of the first `limit` images that are not deleted and have exactly this canonical ID in `column`. */
export async function selectAliveUuidsBy(
  db: Queryable,
  column: 'account_id' | 'backup_object_id',
  id: string,
  limit: number,
): Promise<string[]> {
  const uuids: string[] = []
  // The collation ignores case, so some rows may have another ID.
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

/** Returns those of the canonical IDs that occur in a column of an image that is not deleted. */
export async function selectValuesAlive(
  db: Queryable,
  column: 'account_id' | 'backup_object_id',
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const query = db<ImageRow>('images').whereIn(column, ids).whereNull('deleted_at').whereNot('state', 'deleted')
  return new Set(await distinctTexts(db, query, column))
}

/** Returns the images that boot from one of the backup objects, given by canonical ID; deleted images only with `deleted`. */
export async function selectImagesOf(
  db: Queryable,
  objectIds: readonly string[],
  options: { deleted: boolean },
): Promise<Pick<ImageRow, 'uuid' | 'backup_object_id'>[]> {
  if (objectIds.length === 0) return []
  const query = db<ImageRow>('images').whereIn('backup_object_id', objectIds).orderBy('id')
  if (!options.deleted) query.whereNull('deleted_at').whereNot('state', 'deleted')
  const rows: Pick<ImageRow, 'uuid' | 'backup_object_id'>[] = await query.select('uuid', 'backup_object_id')
  const wanted = new Set(objectIds)
  return rows.filter((row) => wanted.has(row.backup_object_id ?? ''))
}

/** Rows read at a time to find the first one with exactly the wanted ID, which nearly every row has. */
const BATCH = 10

/**
 * Returns the file format of the first image that boots from a backup object, given by
 * canonical ID. A deleted image counts only if there is no other.
 */
export async function selectFirstFormatOf(db: Queryable, objectId: string): Promise<string | undefined> {
  const images = 'SELECT backup_object_id, file_format FROM images WHERE backup_object_id = ?'
  for (const which of ["AND deleted_at IS NULL AND state <> 'deleted'", '']) {
    for (let offset = 0, isEnd = false; !isEnd; offset += BATCH) {
      const some = `${images} ${which} ORDER BY id LIMIT ${BATCH} OFFSET ${offset}`
      const rows = await select<Pick<ImageRow, 'backup_object_id' | 'file_format'>>(db, some, [objectId])
      // The collation ignores case.
      const first = rows.find((row) => row.backup_object_id === objectId)
      if (first !== undefined) return first.file_format
      isEnd = rows.length < BATCH
    }
  }
  return undefined
}

/** Returns the results of `selectFirstFormatOf` for many objects. Objects without images have no entry. */
export async function selectFirstFormatsOf(
  database: Database,
  objectIds: readonly string[],
): Promise<Map<string, string>> {
  const formats = new Map<string, string>()
  const { knex } = database
  const alive = knex<ImageRow>('images').whereNull('deleted_at').whereNot('state', 'deleted')
  for (const images of [alive, knex<ImageRow>('images')]) {
    const wanted = new Set(objectIds.filter((id) => !formats.has(id)))
    if (wanted.size === 0) break
    const firsts = images
      .whereIn('backup_object_id', [...wanted])
      // The collation ignores case.
      .groupBy(exact(database, 'backup_object_id') as never)
      .min('id')
    const rows: Pick<ImageRow, 'backup_object_id' | 'file_format'>[] = await knex<ImageRow>('images')
      .whereIn('id', firsts as never)
      .select('backup_object_id', 'file_format')
    for (const { backup_object_id: id, file_format: format } of rows)
      if (id !== null && wanted.has(id)) formats.set(id, format)
  }
  return formats
}

/** Values of `images.volumes` without a volume, which most images have. */
const NO_VOLUMES = ['', '--- []\n']

/**
 * Returns the images that have volumes besides the boot volume; deleted images only with `deleted`.
 *
 * @param options.accountId only images of this account, given by canonical ID.
 */
export async function selectImagesWithVolumes(
  db: Queryable,
  options: { deleted: boolean; accountId?: string },
): Promise<Pick<ImageRow, 'uuid' | 'volumes'>[]> {
  const query = db<ImageRow>('images').whereNotIn('volumes', NO_VOLUMES).orderBy('id')
  if (!options.deleted) query.whereNull('deleted_at').whereNot('state', 'deleted')
  const { accountId } = options
  if (accountId !== undefined) query.where('account_id', accountId)
  const rows: Pick<ImageRow, 'uuid' | 'volumes' | 'account_id'>[] = await query
    .select('uuid', 'volumes', 'account_id')
    .catch((error: unknown) => {
      // In a schema without the column, no image has volumes.
      if (error instanceof VdcError && error.code === 'SCHEMA_OLDER') return []
      throw error
    })
  // The collation ignores case.
  return accountId === undefined ? rows : rows.filter((row) => row.account_id === accountId)
}

/** Inserts an image. */
export async function insertImage(db: Queryable, row: NewRow<ImageRow>): Promise<void> {
  await insertRow(db, 'images', row)
}

/** Inserts an image. Returns false if its uuid is taken. */
export async function insertImageIfFree(db: Queryable, row: NewRow<ImageRow>): Promise<boolean> {
  const { query, values } = takenUuid(db, row.uuid)
  return (await insertRowUnless(db, 'images', row, query, values)) !== undefined
}

/** Changes columns of images, given by integer ID. */
export async function updateImages(db: Queryable, changes: ReadonlyMap<number, Partial<ImageRow>>): Promise<void> {
  await updateRows(db, 'images', changes)
}
