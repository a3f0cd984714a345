import type { Queryable } from '../../db/database.ts'
import { selectIdsWithHistory } from '../../db/histories.ts'
import { findImage } from '../../db/images.ts'
import { selectLabels } from '../../db/labels.ts'
import type { Lock } from '../../db/locks.ts'
import type { ImageRow } from '../../db/rows.ts'
import { isoTime } from '../../db/time.ts'
import { VdcError } from '../../errors.ts'
import { canonicalId } from '../identifiers.ts'
import { labelsOf } from '../labels.ts'
import { PROTECTED_LABEL } from '../values.ts'

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
 * Finds the image that is to be changed, and keeps others from changing it.
 *
 * @param options.force also where it is protected.
 * @throws VdcError IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED.
 */
export async function imageToChange(db: Queryable, uuid: string, options: { force: boolean }): Promise<ImageRow> {
  const image = await existingImage(db, uuid, { lock: 'update' })
  if (!isDeleted(image)) {
    if (!options.force) await requireUnprotected(db, uuid)
    return image
  }
  const since = image.deleted_at === null ? '' : `, since ${isoTime(image.deleted_at)}`
  throw new VdcError('IMAGE_DELETED', `The image ${canonicalId('image', uuid)} is deleted${since}`, {
    hint: `vdc-manage image undelete ${canonicalId('image', uuid)} brings it back`,
  })
}

/**
 * Refuses to change or delete an image that is protected, within a unit of work that holds its row.
 *
 * @throws VdcError IMAGE_PROTECTED.
 */
export async function requireUnprotected(db: Queryable, uuid: string): Promise<void> {
  const id = canonicalId('image', uuid)
  const since = await protectedSince(db, id)
  if (since === undefined) return
  throw new VdcError('IMAGE_PROTECTED', `The image ${id} is protected, since ${since}`, {
    hint: `--force does it all the same; vdc-manage image unprotect ${id} ends the protection`,
  })
}

/** Since when an image, given by its canonical id, is protected; undefined where it is not. */
export async function protectedSince(db: Queryable, id: string): Promise<string | undefined> {
  return labelsOf(await selectLabels(db, [id]), id)[PROTECTED_LABEL]
}

/** The error for an image that isn't there; of one that was purged the history is. */
export async function imageNotFound(db: Queryable, uuid: string): Promise<VdcError> {
  const id = canonicalId('image', uuid)
  return new VdcError('IMAGE_NOT_FOUND', `There is no image ${id}`, {
    hint: (await hasHistory(db, id))
      ? `It is gone, and its history is kept: vdc-manage image history ${id}`
      : 'vdc-manage image list --all shows those there are',
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
