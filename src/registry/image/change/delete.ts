import { VdcError } from '../../../core/errors.ts'
import { isoTime, sqlTime } from '../../../db/sql/time.ts'
import { updateImages } from '../../../db/tables/images.ts'
import { deleteTagMappings } from '../../../db/tables/tag-mappings.ts'
import { claimEnd } from '../../../db/transactions/claims.ts'
import { type Item, inBatches, type Outcome } from '../../batch/batches.ts'
import { decide, idsOf } from '../../batch/decide.ts'
import { recordAllChanges } from '../../history/history.ts'
import type { Registry } from '../../registry.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { existingImages, protectedSince, requireUnprotected } from '../find.ts'

/** The result for an image that never existed, if that is ignored. */
type Missing = { id: string; missing: true }

/**
 * Deletes images softly (dcmgr.md, "Deleting"): their rows stay and say so,
 * their tags go, their labels, backup objects and files stay.
 *
 * @param ids with or without prefix.
 * @param options.ignoreMissing an image that is deleted already, or never existed, is no error.
 * @param options.force also where one is protected.
 * @returns of each the image as it is now; only its ID if it never existed and that is ignored;
 *   else VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED.
 */
export function deleteImages(
  registry: Registry,
  ids: readonly string[],
  options: { ignoreMissing: boolean; force: boolean },
): AsyncGenerator<Outcome<ImageDetails | Missing>> {
  return inBatches<ImageDetails | Missing>(registry, 'image', ids, {
    work: async (trx, items) => {
      await claimEnd(trx, ...idsOf(items))
      const images = await existingImages(trx, items, { lock: 'update' })
      const missing = options.ignoreMissing ? items.filter((item) => !images.has(item)) : []
      const protections = options.force ? new Map() : await protectedSince(trx, images.keys())
      const doomed = await decide(images.keys(), (item) => {
        const deletedAt = images.get(item)?.deleted_at ?? null
        if (deletedAt === null) requireUnprotected(item.id, protections)
        else if (!options.ignoreMissing) throw deletedAlready(item.id, deletedAt)
        return deletedAt === null ? images.get(item) : undefined
      })
      const now = sqlTime(new Date())
      const changes = { deleted_at: now, state: 'deleted', updated_at: now }
      await updateImages(trx, new Map(Array.from(doomed.values(), ({ id }) => [id, changes])))
      await deleteTagMappings(trx, idsOf(doomed.keys()))
      await recordAllChanges(
        trx,
        idsOf(doomed.keys()).map((id) => [id, changes]),
        now,
      )
      return new Map<Item<undefined>, ImageDetails | Missing>([
        ...missing.map((item): [Item<undefined>, Missing] => [item, { id: item.id, missing: true }]),
        ...(await describeImages(trx, [...images.keys()])),
      ])
    },
  })
}

function deletedAlready(id: string, since: string): VdcError {
  return new VdcError('IMAGE_DELETED', `The image ${id} is deleted already, since ${isoTime(since)}`, {
    hint: 'With --ignore-missing that is no error',
  })
}
