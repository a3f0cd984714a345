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
 * Protects images from being changed or deleted without `force`, by means of a label,
 * which has no history (dcmgr.md, "Labels"). Warns about images that are already
 * protected; these keep the time of their protection.
 *
 * @param ids with or without prefix.
 * @returns an outcome per ID: the image, or VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED.
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
        if (protections.has(id)) registry.warn(`${id} is already protected (since ${protections.get(id)})`)
      return details
    },
  })
}

/**
 * Ends the protection of images, including deleted ones. Warns about images that are not protected.
 *
 * @param ids with or without prefix.
 * @returns an outcome per ID: the image, or VALUE_REFUSED, IMAGE_NOT_FOUND.
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
