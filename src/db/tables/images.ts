import { VdcError } from '../../core/errors.ts'
import type { Database, Queryable } from '../database.ts'
import { completeRow } from '../schema/wakame-schema.ts'
import { distinctTexts, exact, isSqlite } from '../sql/exact-text.ts'
import { select } from '../statement.ts'
import type { Lock } from '../transactions/locks.ts'
import type { ImageRow, NewRow } from './rows.ts'
import { insertRow, insertRowUnless, updateRows } from './writes.ts'

/** Finds an image, deleted or not, by its exact uuid. */
export async function findImage(
  db: Queryable,
  uuid: string,
  options: { lock?: Lock } = {},
): Promise<ImageRow | undefined> {
  const rows = await select<ImageRow>(db, 'SELECT * FROM images WHERE uuid = ?', [uuid], options.lock)
  // The collation ignores case and trailing blanks.
  const row = rows.find((row) => row.uuid === uuid)
  return row && completeRow('images', row)
}

const IMAGE_WITH_UUID = 'SELECT 1 FROM images WHERE uuid = ?'
const HISTORY_OF_ID = 'SELECT 1 FROM histories WHERE uuid = ?'
/** SQLite compares `histories.uuid` with case; only purged images have an index that ignores it. */
const PURGED_WITH_ID = "SELECT 1 FROM histories WHERE uuid COLLATE NOCASE = ? AND attr = 'purged_at'"

/** Finds something if a new image can't have a uuid. */
function takenUuid(db: Queryable, uuid: string) {
  const id = `wmi-${uuid}`
  const queries = [IMAGE_WITH_UUID, HISTORY_OF_ID, ...(isSqlite(db) ? [PURGED_WITH_ID] : [])]
  const values = queries.map((query) => (query === IMAGE_WITH_UUID ? uuid : id))
  return { query: queries.join(' UNION ALL '), values }
}

/**
 * Says whether a new image can't have this uuid: the unique index ignores case,
 * deleted images keep theirs, and so do those that were purged, by their history.
 */
export async function isImageUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  const { query, values } = takenUuid(db, uuid)
  return (await select(db, `${query} LIMIT 1`, values)).length > 0
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

/** Those of some values of a column, which are canonical ids, that an image which isn't deleted holds. */
export async function selectValuesAlive(
  db: Queryable,
  column: 'account_id' | 'backup_object_id',
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const query = db<ImageRow>('images').whereIn(column, ids).whereNull('deleted_at').whereNot('state', 'deleted')
  return new Set(await distinctTexts(db, query, column))
}

/** The images that boot from one of these backup objects, given by their canonical ids; deleted ones only with `deleted`. */
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

/** Rows that are looked at for the first one whose id is the same to the letter, as nearly every row is. */
const SOME = 10

/**
 * The file format of the first image that boots from a backup object, given by its
 * canonical id; of one that is deleted only where no other does.
 */
export async function selectFirstFormatOf(db: Queryable, objectId: string): Promise<string | undefined> {
  const images = 'SELECT backup_object_id, file_format FROM images WHERE backup_object_id = ?'
  for (const which of ["AND deleted_at IS NULL AND state <> 'deleted'", '']) {
    for (let offset = 0, isEnd = false; !isEnd; offset += SOME) {
      const some = `${images} ${which} ORDER BY id LIMIT ${SOME} OFFSET ${offset}`
      const rows = await select<Pick<ImageRow, 'backup_object_id' | 'file_format'>>(db, some, [objectId])
      // The collation ignores case.
      const first = rows.find((row) => row.backup_object_id === objectId)
      if (first !== undefined) return first.file_format
      isEnd = rows.length < SOME
    }
  }
  return undefined
}

/** As `selectFirstFormatOf`, of many objects; of one that no image boots from there is nothing. */
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

/** Texts of `images.volumes` that name no volume, as most do. */
const NO_VOLUMES = ['', '--- []\n']

/** The images that have volumes besides what they boot from; deleted ones only with `deleted`. */
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
      // Where the schema has no such column, no image has volumes.
      if (error instanceof VdcError && error.code === 'SCHEMA_OLDER') return []
      throw error
    })
  // The collation ignores case.
  return accountId === undefined ? rows : rows.filter((row) => row.account_id === accountId)
}

export async function insertImage(db: Queryable, row: NewRow<ImageRow>): Promise<void> {
  await insertRow(db, 'images', row)
}

/** Inserts an image with a uuid that may be taken; returns false if it is. */
export async function insertImageIfFree(db: Queryable, row: NewRow<ImageRow>): Promise<boolean> {
  const { query, values } = takenUuid(db, row.uuid)
  return (await insertRowUnless(db, 'images', row, query, values)) !== undefined
}

/** Changes columns of images, given by their integer ids. */
export async function updateImages(db: Queryable, changes: ReadonlyMap<number, Partial<ImageRow>>): Promise<void> {
  await updateRows(db, 'images', changes)
}
