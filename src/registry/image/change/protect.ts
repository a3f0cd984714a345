import type { Queryable } from '../../../db/database.ts'
import { isoTime, sqlTime } from '../../../db/sql/time.ts'
import { claimUse } from '../../../db/transactions/claims.ts'
import { type Item, inBatches, type Outcome } from '../../batch/batches.ts'
import { idsOf } from '../../batch/decide.ts'
import { recordLabels } from '../../history/label-history.ts'
import { changeLabels } from '../../labels.ts'
import type { Registry } from '../../registry.ts'
import { PROTECTED_LABEL } from '../../rules/values.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { existingImages, imagesToChange, protectedSince } from '../find.ts'

/**
 * Protects images from being changed or deleted without `force`, by means of a label
 * (dcmgr.md, "Labels"). Warns about images that are already
 * protected; these keep the time of their protection.
 *
 * @param ids with or without prefix.
 * @returns an outcome per ID: the image, or VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED.
 */
export function protectImages(registry: Registry, ids: readonly string[]): AsyncGenerator<Outcome<ImageDetails>> {
  return inBatches<ImageDetails>(registry, 'image', ids, {
    work: async (trx, items) => {
      await claimUse(trx, ...idsOf(items))
      const rows = await imagesToChange(trx, items, { force: true })
      const images = [...rows.keys()]
      const protections = await protectedSince(trx, images)
      const now = sqlTime(new Date())
      const unprotected = images.filter(({ id }) => !protections.has(id))
      await changeProtection(trx, registry, unprotected, isoTime(now), now)
      for (const item of unprotected)
        item.happened = { kind: 'image', id: item.id, name: rows.get(item)?.display_name, what: 'protected' }
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
      const outcomes = await changeProtection(trx, registry, images.keys(), null, sqlTime(new Date()))
      const details = await describeImages(trx, [...outcomes.keys()])
      for (const [item, { missing }] of outcomes) {
        const { id, registry } = item
        if (missing.length > 0) registry.warn(`${id} is not protected`)
        else item.happened = { kind: 'image', id, name: images.get(item)?.display_name, what: 'unprotected' }
      }
      return details
    },
  })
}

/** Sets or removes the label that protects images, and records it. */
async function changeProtection<I extends Item>(
  db: Queryable,
  registry: Registry,
  images: Iterable<I>,
  value: string | null,
  now: string,
) {
  const outcomes = await changeLabels(db, images, new Map([[PROTECTED_LABEL, value]]), now)
  await recordLabels(
    db,
    registry,
    Array.from(outcomes, ([{ id }, { changed }]) => [id, changed]),
    now,
  )
  return outcomes
}
