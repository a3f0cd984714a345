import { updateImage } from '../../db/images.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { recordChanges } from '../history.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { FEATURES } from '../values.ts'
import { asMap, changeFlags, readYaml } from '../yaml.ts'
import { describeImage, type ImageDetails } from './details.ts'
import { imageToChange } from './find.ts'

/** Features to give to an image (true) or to take away (false); what isn't named stays. */
export type FeatureChanges = Partial<Record<(typeof FEATURES)[number], boolean | undefined>>

/**
 * Gives features to an image or takes them away.
 *
 * @param id with or without its prefix.
 * @param options.force also where it is protected.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED.
 */
export async function setFeatures(
  registry: Registry,
  id: string,
  request: FeatureChanges,
  options: { force: boolean },
): Promise<ImageDetails> {
  const uuid = parseId('image', id)
  const canonical = canonicalId('image', uuid)
  const named = FEATURES.filter((feature) => request[feature] !== undefined)
  return inTransaction(registry.database, async (trx) => {
    const image = await imageToChange(trx, uuid, options)
    const stored = await readYaml(image.features)
    const old = asMap(stored)
    if (named.length === 0) return describeImage(registry, uuid, trx)
    if (old === undefined) registry.warn(`The features of ${canonical} could not be read, and are written anew`)
    const isSo = (feature: (typeof FEATURES)[number]) => (old?.get(feature) === true) === request[feature]
    if (old === undefined || !named.every(isSo)) {
      const now = sqlTime(new Date())
      const features = await changeFlags(old === undefined ? null : image.features, FEATURES, request)
      const changes = { features, updated_at: now }
      await updateImage(trx, image.id, changes)
      await recordChanges(trx, canonical, changes, now)
    }
    return describeImage(registry, uuid, trx)
  })
}
