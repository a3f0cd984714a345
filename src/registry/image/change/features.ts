import { sqlTime } from '../../../db/sql/time.ts'
import { updateImages } from '../../../db/tables/images.ts'
import { inBatches, type Outcome } from '../../batch/batches.ts'
import { askedOnce, decide } from '../../batch/decide.ts'
import { writeChanges } from '../../batch/write-changes.ts'
import type { Registry } from '../../registry.ts'
import { asMap, changeFlags, readYaml } from '../../rules/ruby-yaml.ts'
import { FEATURES } from '../../rules/values.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { imagesToChange } from '../find.ts'

/** Features to set (true) or clear (false); others stay as they are. */
export type FeatureChanges = Partial<Record<(typeof FEATURES)[number], boolean | undefined>>

/**
 * Sets or clears features of images.
 *
 * @param ids with or without prefix.
 * @param options.force change protected images, too.
 * @returns an outcome per ID: the image, or VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED,
 *   IMAGE_PROTECTED.
 */
export function setFeatures(
  registry: Registry,
  ids: readonly string[],
  request: FeatureChanges,
  options: { force: boolean },
): AsyncGenerator<Outcome<ImageDetails>> {
  const named = FEATURES.filter((feature) => request[feature] !== undefined)
  // Thousands of images have the same features, so change each text once.
  const changed = askedOnce((features: string | null) => changeFlags(features, FEATURES, request))
  return inBatches<ImageDetails>(registry, 'image', ids, {
    work: async (trx, items) => {
      // Protection is against changes, and without features nothing changes.
      const images = await imagesToChange(trx, items, { force: options.force || named.length === 0 })
      const changes = await decide(images.keys(), async (item) => {
        if (named.length === 0) return undefined
        const features = images.get(item)?.features ?? null
        const old = asMap(await readYaml(features))
        if (old === undefined) item.registry.warn(`The features of ${item.id} could not be read, and are replaced`)
        const isUnchanged = (feature: (typeof FEATURES)[number]) => (old?.get(feature) === true) === request[feature]
        if (old !== undefined && named.every(isUnchanged)) return undefined
        return { features: await changed(old === undefined ? null : features) }
      })
      await writeChanges(trx, updateImages, images, changes, sqlTime(new Date()), 'image')
      for (const [item, { display_name: name }] of images)
        if (named.length > 0 && item.refusal === undefined)
          item.happened ??= { kind: 'image', id: item.id, name, what: 'unchanged', why: 'same values' }
      return describeImages(trx, [...images.keys()])
    },
  })
}
