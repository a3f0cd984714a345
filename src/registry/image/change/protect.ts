import { isoTime, sqlTime } from '../../../db/sql/time.ts'
import { claimUse } from '../../../db/transactions/claims.ts'
import { inBatches, type Outcome } from '../../batch/batches.ts'
import { idsOf } from '../../batch/decide.ts'
import { changeLabels } from '../../labels.ts'
import type { Registry } from '../../registry.ts'
import { PROTECTED_LABEL } from '../../rules/values.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { existingImages, imagesToChange, protectedSince } from '../find.ts'

/**
 * Protects images: without force they are not deleted or changed any more. A
 * label says so, which leaves no history (dcmgr.md, "Labels"); one that is
 * protected already stays so since then.
 *
 * @param ids with or without prefix.
 * @returns of each the image, or VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED.
 */
export function protectImages(registry: Registry, ids: readonly string[]): AsyncGenerator<Outcome<ImageDetails>> {
  return inBatches<ImageDetails>(registry, 'image', ids, {
    work: async (trx, items) => {
      await claimUse(trx, ...idsOf(items))
      const images = [...(await imagesToChange(trx, items, { force: true })).keys()]
      const protections = await protectedSince(trx, images)
      const now = sqlTime(new Date())
      const unprotected = images.filter(({ id }) => !protections.has(id))
      await changeLabels(trx, unprotected, new Map([[PROTECTED_LABEL, isoTime(now)]]), now)
      const details = await describeImages(trx, images)
      for (const { id, registry } of images)
        if (protections.has(id)) registry.warn(`${id} is protected already, since ${protections.get(id)}`)
      return details
    },
  })
}

/**
 * Ends the protection of images, also of those that were deleted all the same;
 * of one that has none nothing changes.
 *
 * @param ids with or without prefix.
 * @returns of each the image, or VALUE_REFUSED, IMAGE_NOT_FOUND.
 */
export function unprotectImages(registry: Registry, ids: readonly string[]): AsyncGenerator<Outcome<ImageDetails>> {
  return inBatches<ImageDetails>(registry, 'image', ids, {
    work: async (trx, items) => {
      const images = await existingImages(trx, items, { lock: 'update' })
      const missing = await changeLabels(trx, images.keys(), new Map([[PROTECTED_LABEL, null]]), sqlTime(new Date()))
      const details = await describeImages(trx, [...missing.keys()])
      for (const [{ id, registry }, names] of missing) if (names.length > 0) registry.warn(`${id} is not protected`)
      return details
    },
  })
}
