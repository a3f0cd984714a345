import { claimUse } from '../../db/claims.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import { changeLabels, parseLabelChanges } from '../labels.ts'
import type { Registry } from '../registry.ts'
import { requireStorable } from '../storable.ts'
import { describeImage, type ImageDetails } from './details.ts'
import { imageToChange } from './find.ts'

/**
 * Sets and removes labels of an image. They have no history (dcmgr.md, "Labels").
 *
 * @param id with or without its prefix.
 * @param words `name=value` sets a label, `name-` removes one.
 * @param options.force also where it is protected.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED.
 */
export async function labelImage(
  registry: Registry,
  id: string,
  words: readonly string[],
  options: { force: boolean },
): Promise<ImageDetails> {
  const uuid = parseId('image', id)
  const canonical = canonicalId('image', uuid)
  const changes = parseLabelChanges(words)
  for (const [name, value] of changes) {
    const subjects = { name: `The name of the label ${name}`, string_value: `The label ${name}` }
    await requireStorable(registry.database, 'resource_labels', { name, string_value: value }, subjects)
  }
  const { image, missing } = await inTransaction(registry.database, async (trx) => {
    await claimUse(trx, canonical)
    await imageToChange(trx, uuid, options)
    const missing = await changeLabels(trx, canonical, changes, sqlTime(new Date()))
    return { image: await describeImage(registry, uuid, trx), missing }
  })
  for (const name of missing) registry.warn(`${canonical} has no label ${name}`)
  return image
}
