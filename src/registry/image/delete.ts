import { claimEnd } from '../../db/claims.ts'
import { findImage, updateImage } from '../../db/images.ts'
import { deleteTagMappings } from '../../db/tag-mappings.ts'
import { isoTime, sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { VdcError } from '../../errors.ts'
import { recordChanges } from '../history.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { describeImage, type ImageDetails } from './details.ts'
import { imageNotFound, requireUnprotected } from './find.ts'

/**
 * Deletes an image softly (dcmgr.md, "Deleting"): its row stays and says so,
 * its tags go, its labels, its backup object and its file stay.
 *
 * @param options.ignoreMissing an image that is deleted already, or never was, is no error.
 * @param options.force also where it is protected.
 * @returns the image as it is now; its id alone where it never was and that is ignored.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED.
 */
export async function deleteImage(
  registry: Registry,
  id: string,
  options: { ignoreMissing: boolean; force: boolean },
): Promise<ImageDetails | { id: string; missing: true }> {
  const uuid = parseId('image', id)
  return inTransaction(registry.database, async (trx) => {
    const canonical = canonicalId('image', uuid)
    await claimEnd(trx, canonical)
    const image = await findImage(trx, uuid, { lock: 'update' })
    if (image === undefined) {
      if (options.ignoreMissing) return { id: canonical, missing: true }
      throw await imageNotFound(trx, uuid)
    }
    if (image.deleted_at !== null) {
      if (options.ignoreMissing) return describeImage(registry, uuid, trx)
      throw new VdcError(
        'IMAGE_DELETED',
        `The image ${canonical} is deleted already, since ${isoTime(image.deleted_at)}`,
        {
          hint: 'With --ignore-missing that is no error',
        },
      )
    }
    if (!options.force) await requireUnprotected(trx, uuid)
    const now = sqlTime(new Date())
    const changes = { deleted_at: now, state: 'deleted', updated_at: now }
    await updateImage(trx, image.id, changes)
    await deleteTagMappings(trx, canonical)
    await recordChanges(trx, canonical, changes, now)
    return describeImage(registry, uuid, trx)
  })
}
