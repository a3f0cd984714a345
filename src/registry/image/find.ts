import type { Queryable } from '../../db/database.ts'
import { findImage } from '../../db/images.ts'
import type { Lock } from '../../db/locks.ts'
import type { ImageRow } from '../../db/rows.ts'
import { isoTime } from '../../db/time.ts'
import { VdcError } from '../../errors.ts'
import { canonicalId } from '../identifiers.ts'

/**
 * Finds the image that is to be shown, deleted or not.
 *
 * @throws VdcError IMAGE_NOT_FOUND.
 */
export async function existingImage(db: Queryable, uuid: string, options: { lock?: Lock } = {}): Promise<ImageRow> {
  const image = await findImage(db, uuid, options)
  if (image === undefined) throw imageNotFound(uuid)
  return image
}

/**
 * Finds the image that is to be changed, and keeps others from changing it.
 *
 * @throws VdcError IMAGE_NOT_FOUND, IMAGE_DELETED.
 */
export async function imageToChange(db: Queryable, uuid: string): Promise<ImageRow> {
  const image = await existingImage(db, uuid, { lock: 'update' })
  if (!isDeleted(image)) return image
  const since = image.deleted_at === null ? '' : `, since ${isoTime(image.deleted_at)}`
  throw new VdcError('IMAGE_DELETED', `The image ${canonicalId('image', uuid)} is deleted${since}`, {
    hint: 'What is deleted stays as it is: register the image anew',
  })
}

/** The error for an image that isn't there. */
export function imageNotFound(uuid: string): VdcError {
  return new VdcError('IMAGE_NOT_FOUND', `There is no image ${canonicalId('image', uuid)}`, {
    hint: 'vdc-manage image list --all shows those there are',
  })
}

/** The original can set the state alone, which leaves no time. */
export function isDeleted(image: Pick<ImageRow, 'deleted_at' | 'state'>): boolean {
  return image.deleted_at !== null || image.state === 'deleted'
}
