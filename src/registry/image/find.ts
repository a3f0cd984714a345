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
 * Finds an image, which may be deleted.
 *
 * @param uuid without prefix.
 * @throws VdcError IMAGE_NOT_FOUND if the image does not exist.
 */
export async function existingImage(db: Queryable, uuid: string, options: { lock?: Lock } = {}): Promise<ImageRow> {
  const image = await findImage(db, uuid, options)
  if (image === undefined) throw await imageNotFound(db, uuid)
  return image
}

/** Finds the images of items, including deleted ones. Refuses items whose image does not exist (IMAGE_NOT_FOUND). */
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

/** Returns the existing images of items, including deleted ones, by uuid. */
async function imagesByUuid(
  db: Queryable,
  items: readonly Item[],
  options: { lock?: Lock } = {},
): Promise<Map<string, ImageRow>> {
  const uuids = items.map(({ uuid }) => uuid)
  return new Map((await selectRowsByUuid(db, 'images', uuids, options)).map((row) => [row.uuid, row]))
}

/**
 * Finds the images to change and locks them. Refuses items whose image does not exist, is
 * deleted or is protected (IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED).
 *
 * @param options.force accept protected images.
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
 * Refuses to change or delete a protected image. The unit of work must hold the image's row.
 *
 * @param id canonical ID.
 * @param protections result of `protectedSince`.
 * @throws VdcError IMAGE_PROTECTED if the image is protected.
 */
export function requireUnprotected(id: string, protections: ReadonlyMap<string, string>): void {
  const since = protections.get(id)
  if (since === undefined) return
  throw new VdcError('IMAGE_PROTECTED', `Image ${id} is protected (since ${since})`, {
    hint: `Override this with --force, or end the protection with: vdc-manage image unprotect ${id}`,
  })
}

/** Returns the times since when images are protected, by canonical ID; only for images that are. */
export async function protectedSince(db: Queryable, items: Iterable<Pick<Item, 'id'>>): Promise<Map<string, string>> {
  const rows = await selectLabels(db, idsOf(items))
  const protections = rows.filter((row) => row.name === PROTECTED_LABEL)
  return new Map(protections.map((row) => [row.resource_uuid, row.string_value ?? row.blob_value ?? '']))
}

/** Returns the error for an image that does not exist. Its hint depends on whether the image was purged. */
export async function imageNotFound(db: Queryable, uuid: string): Promise<VdcError> {
  const id = canonicalId('image', uuid)
  return notFound(id, await hasHistory(db, id))
}

function notFound(id: string, hasHistory: boolean): VdcError {
  return new VdcError('IMAGE_NOT_FOUND', `Image ${id} does not exist`, {
    hint: hasHistory
      ? `It was purged. Show its history with: vdc-manage image history ${id}`
      : 'List all images with: vdc-manage image list --all',
  })
}

/**
 * Returns the error for a deleted image.
 *
 * @param image the time of its deletion, as in tables or in results.
 */
export function imageDeleted(id: string, image: Pick<ImageRow, 'deleted_at'>): VdcError {
  const since = image.deleted_at === null ? '' : ` (since ${isoTime(image.deleted_at)})`
  return new VdcError('IMAGE_DELETED', `Image ${id} is deleted${since}`, {
    hint: `Restore it with: vdc-manage image undelete ${id}`,
  })
}

/**
 * Returns whether an image has a history. The history of a purged image remains and keeps its ID taken.
 *
 * @param id canonical ID.
 */
export async function hasHistory(db: Queryable, id: string): Promise<boolean> {
  return (await selectIdsWithHistory(db, [id])).includes(id)
}

/** Returns whether an image is deleted. The original can set only the state, without a time. */
export function isDeleted(image: Pick<ImageRow, 'deleted_at' | 'state'>): boolean {
  return image.deleted_at !== null || image.state === 'deleted'
}

/**
 * Returns the state of a deleted image before its deletion; undefined if it is unknown.
 *
 * @param recorded last state before the deletion in the image's history (`selectStatesBeforeDeletion`).
 */
export function stateBefore(image: Pick<ImageRow, 'state'>, recorded: string | undefined): string | undefined {
  // If only `deleted_at` marks the image as deleted, its row still has the state.
  return recorded ?? (image.state === 'deleted' ? undefined : image.state)
}
