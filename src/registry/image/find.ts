import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import { selectIdsWithHistory } from '../../db/tables/histories.ts'
import { findImage } from '../../db/tables/images.ts'
import { selectLabels } from '../../db/tables/labels.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { ImageRow } from '../../db/tables/rows.ts'
import type { Lock } from '../../db/transactions/locks.ts'
import type { Item } from '../batch/batches.ts'
import { decide, idsOf } from '../batch/decide.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { PROTECTED_LABEL } from '../rules/values.ts'

/**
 * Finds the image that is to be shown, deleted or not.
 *
 * @throws VdcError IMAGE_NOT_FOUND.
 */
export async function existingImage(db: Queryable, uuid: string, options: { lock?: Lock } = {}): Promise<ImageRow> {
  const image = await findImage(db, uuid, options)
  if (image === undefined) throw await imageNotFound(db, uuid)
  return image
}

/**
 * Finds the images of items, deleted or not; one that isn't there is a refusal, `IMAGE_NOT_FOUND`.
 */
export async function existingImages<I extends Item>(
  db: Queryable,
  items: readonly I[],
  options: { lock?: Lock } = {},
): Promise<Map<I, ImageRow>> {
  const images = await imagesByUuid(db, items, options)
  const missing = items.filter(({ uuid }) => !images.has(uuid))
  const gone = await selectIdsWithHistory(db, idsOf(missing))
  return decide(items, ({ id, uuid }) => {
    const image = images.get(uuid)
    if (image === undefined) throw notFound(id, gone.includes(id))
    return image
  })
}

/** The images that items have, deleted or not, by their uuids. */
async function imagesByUuid(
  db: Queryable,
  items: readonly Item[],
  options: { lock?: Lock } = {},
): Promise<Map<string, ImageRow>> {
  const uuids = items.map(({ uuid }) => uuid)
  return new Map((await selectRowsByUuid(db, 'images', uuids, options)).map((row) => [row.uuid, row]))
}

/**
 * Finds the images that are to be changed, and keeps others from changing them. Refused is
 * one that isn't there, is deleted or protected (`IMAGE_NOT_FOUND`, `IMAGE_DELETED`, `IMAGE_PROTECTED`).
 *
 * @param options.force also where it is protected.
 */
export async function imagesToChange<I extends Item>(
  db: Queryable,
  items: readonly I[],
  options: { force: boolean },
): Promise<Map<I, ImageRow>> {
  const images = await existingImages(db, items, { lock: 'update' })
  const protections = options.force ? new Map() : await protectedSince(db, images.keys())
  return decide(images.keys(), (item) => {
    const image = images.get(item) as ImageRow
    if (isDeleted(image)) throw imageDeleted(item.id, image)
    requireUnprotected(item.id, protections)
    return image
  })
}

/**
 * Refuses to change or delete an image, given by its canonical id, that is protected,
 * within a unit of work that holds its row.
 *
 * @param protections of `protectedSince`.
 * @throws VdcError IMAGE_PROTECTED.
 */
export function requireUnprotected(id: string, protections: ReadonlyMap<string, string>): void {
  const since = protections.get(id)
  if (since === undefined) return
  throw new VdcError('IMAGE_PROTECTED', `The image ${id} is protected, since ${since}`, {
    hint: `--force does it all the same; vdc-manage image unprotect ${id} ends the protection`,
  })
}

/** Since when the images of items are protected, by their canonical ids; only those that are. */
export async function protectedSince(db: Queryable, items: Iterable<Item>): Promise<Map<string, string>> {
  const rows = await selectLabels(db, idsOf(items))
  const protections = rows.filter((row) => row.name === PROTECTED_LABEL)
  return new Map(protections.map((row) => [row.resource_uuid, row.string_value ?? row.blob_value ?? '']))
}

/** The error for an image that isn't there; of one that was purged the history is. */
export async function imageNotFound(db: Queryable, uuid: string): Promise<VdcError> {
  const id = canonicalId('image', uuid)
  return notFound(id, await hasHistory(db, id))
}

function notFound(id: string, hasHistory: boolean): VdcError {
  return new VdcError('IMAGE_NOT_FOUND', `There is no image ${id}`, {
    hint: hasHistory
      ? `It is gone, and its history is kept: vdc-manage image history ${id}`
      : 'vdc-manage image list --all shows those there are',
  })
}

function imageDeleted(id: string, image: ImageRow): VdcError {
  const since = image.deleted_at === null ? '' : `, since ${isoTime(image.deleted_at)}`
  return new VdcError('IMAGE_DELETED', `The image ${id} is deleted${since}`, {
    hint: `vdc-manage image undelete ${id} brings it back`,
  })
}

/** Says whether an image, given by its canonical id, has a history: when it was purged that stays, and keeps its id taken. */
export async function hasHistory(db: Queryable, id: string): Promise<boolean> {
  return (await selectIdsWithHistory(db, [id])).includes(id)
}

/** The original can set the state alone, which leaves no time. */
export function isDeleted(image: Pick<ImageRow, 'deleted_at' | 'state'>): boolean {
  return image.deleted_at !== null || image.state === 'deleted'
}

/**
 * The state that a deleted image had before; undefined where nobody knows.
 *
 * @param told what its history last told (`selectStatesBeforeDeletion`).
 */
export function stateBefore(image: Pick<ImageRow, 'state'>, told: string | undefined): string | undefined {
  // The row of one of which only `deleted_at` says that it is deleted still has it.
  return told ?? (image.state === 'deleted' ? undefined : image.state)
}
