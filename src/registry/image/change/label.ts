import { sqlTime } from '../../../db/sql/time.ts'
import { claimUse } from '../../../db/transactions/claims.ts'
import { inBatches, type Outcome } from '../../batch/batches.ts'
import { askedOnce, idsOf } from '../../batch/decide.ts'
import { labellingOf } from '../../happened.ts'
import { recordLabels } from '../../history/label-history.ts'
import { changeLabels, type LabelChanges, parseLabelChanges } from '../../labels.ts'
import type { Registry } from '../../registry.ts'
import { requireStorable } from '../../rules/storable.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { imagesToChange } from '../find.ts'

/**
 * Sets and removes labels of images. Warns about labels to remove that an image does not have.
 *
 * @param ids with or without prefix.
 * @param words `name=value` sets a label, `name-` removes one.
 * @param options.force change protected images, too.
 * @returns an outcome per ID: the image, or VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED,
 *   IMAGE_PROTECTED.
 */
export function labelImages(
  registry: Registry,
  ids: readonly string[],
  words: readonly string[],
  options: { force: boolean },
): AsyncGenerator<Outcome<ImageDetails>> {
  const changesIn = askedOnce((words: readonly string[]) => storableChanges(registry, words))
  return inBatches<ImageDetails, LabelChanges>(registry, 'image', ids, {
    prepare: () => changesIn(words),
    work: async (trx, items) => {
      await claimUse(trx, ...idsOf(items))
      const images = await imagesToChange(trx, items, options)
      const now = sqlTime(new Date())
      const outcomes = await changeLabels(trx, images.keys(), await changesIn(words), now)
      await recordLabels(
        trx,
        registry,
        Array.from(outcomes, ([{ id }, { changed }]) => [id, changed]),
        now,
      )
      const details = await describeImages(trx, [...outcomes.keys()])
      for (const [item, { changed, missing }] of outcomes)
        if (changed.length > 0 || missing.length === 0)
          item.happened = labellingOf({ kind: 'image', id: item.id, name: images.get(item)?.display_name }, changed)
      for (const [{ id, registry }, { missing }] of outcomes)
        for (const name of missing) registry.warn(`${id} has no label ${name}`)
      return details
    },
  })
}

/** @throws VdcError VALUE_REFUSED if a change is not valid or the database cannot store it. */
async function storableChanges(registry: Registry, words: readonly string[]): Promise<LabelChanges> {
  const changes = parseLabelChanges(words)
  for (const [name, value] of changes) {
    const subjects = { name: `The name of the label ${name}`, string_value: `The label ${name}` }
    await requireStorable(registry.database, 'resource_labels', { name, string_value: value }, subjects)
  }
  return changes
}
