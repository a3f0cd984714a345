import { updateImage } from '../../db/images.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { VdcError } from '../../errors.ts'
import { recordChanges } from '../history.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { EMPTY_YAML_MAP, FEATURES } from '../values.ts'
import { asMap, readYaml } from '../yaml.ts'
import { describeImage, type ImageDetails } from './details.ts'
import { imageToChange } from './find.ts'

/** Features to give to an image (true) or to take away (false); what isn't named stays. */
export type FeatureChanges = Partial<Record<(typeof FEATURES)[number], boolean | undefined>>

/**
 * Gives features to an image or takes them away.
 *
 * @param id with or without its prefix.
 * @throws VdcError USAGE when nothing is to be changed; VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED.
 */
export async function setFeatures(registry: Registry, id: string, request: FeatureChanges): Promise<ImageDetails> {
  const uuid = parseId('image', id)
  const canonical = canonicalId('image', uuid)
  const named = FEATURES.filter((feature) => request[feature] !== undefined)
  if (named.length === 0) {
    const words = FEATURES.map((feature) => `--${feature} or --no-${feature}`)
    throw new VdcError('USAGE', 'No feature is named', { hint: `Give ${words.join(', ')}` })
  }
  return inTransaction(registry.database, async (trx) => {
    const image = await imageToChange(trx, uuid)
    const stored = await readYaml(image.features)
    const old = asMap(stored)
    if (old === undefined) registry.warn(`The features of ${canonical} could not be read, and are written anew`)
    const isSo = (feature: (typeof FEATURES)[number]) => (old?.get(feature) === true) === request[feature]
    if (old === undefined || !named.every(isSo)) {
      const now = sqlTime(new Date())
      const changes = { features: await renderFeatures(old ?? new Map(), request), updated_at: now }
      await updateImage(trx, image.id, changes)
      await recordChanges(trx, canonical, changes, now)
    }
    return describeImage(registry, uuid, trx)
  })
}

/** YAML as Ruby writes it (dcmgr.md, "YAML columns"): ours in their order, then what others wrote. */
async function renderFeatures(old: ReadonlyMap<string, unknown>, changes: FeatureChanges): Promise<string> {
  const features = new Map<string, unknown>()
  for (const feature of FEATURES) {
    const wanted = changes[feature] ?? old.get(feature)
    if (wanted !== undefined && changes[feature] !== false) features.set(`:${feature}`, wanted)
  }
  for (const [name, value] of old) if (!FEATURES.some((known) => known === name)) features.set(`:${name}`, value)
  if (features.size === 0) return EMPTY_YAML_MAP
  const { stringify } = await import('yaml')
  return `---\n${stringify(features)}`
}
