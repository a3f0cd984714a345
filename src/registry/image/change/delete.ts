import { VdcError } from '../../../core/errors.ts'
import { isoTime, sqlTime } from '../../../db/sql/time.ts'
import { updateImages } from '../../../db/tables/images.ts'
import type { ImageRow } from '../../../db/tables/rows.ts'
import { deleteTagMappings } from '../../../db/tables/tag-mappings.ts'
import { claimEnd } from '../../../db/transactions/claims.ts'
import { endObjects } from '../../backup-object/end.ts'
import { type Item, inBatches, type Outcome } from '../../batch/batches.ts'
import { decide, idsOf } from '../../batch/decide.ts'
import type { Happened } from '../../happened.ts'
import { recordAllChanges } from '../../history/history.ts'
import type { Registry } from '../../registry.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { existingImages, protectedSince, requireUnprotected } from '../find.ts'
import { releasedObjects } from './released-objects.ts'

/** The result for an image that never existed, with `ignoreMissing`. */
type Missing = { id: string; missing: true }

/**
 * Marks images as deleted (dcmgr.md, "Deleting") and removes their tags. Keeps their rows,
 * labels and files, and unless asked for, their backup objects.
 *
 * @param ids with or without prefix.
 * @param options.ignoreMissing accept images that are already deleted or never existed.
 * @param options.force delete protected images, too.
 * @param options.withObject delete the objects that they boot from, too, in the same unit of work. Warns about objects
 *   that are kept because other images use them.
 * @returns an outcome per ID: the deleted image; only its ID if it never existed and
 *   `ignoreMissing` is set; or VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED.
 */
export function deleteImages(
  registry: Registry,
  ids: readonly string[],
  options: { ignoreMissing: boolean; force: boolean; withObject?: boolean },
): AsyncGenerator<Outcome<ImageDetails | Missing>> {
  /** In a dry run, images that would be deleted are still there for the next ones. */
  const gone = new Set<string>()
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
      const objects = options.withObject ? await releasedObjects(trx, doomed, gone) : new Map()
      const now = sqlTime(new Date())
      const changes = { deleted_at: now, state: 'deleted', updated_at: now }
      await updateImages(trx, new Map(Array.from(doomed.values(), ({ id }) => [id, changes])))
      await deleteTagMappings(trx, idsOf(doomed.keys()))
      await recordAllChanges(
        trx,
        idsOf(doomed.keys()).map((id) => [id, changes]),
        now,
      )
      if (objects.size > 0) await endObjects(trx, objects, now)
      if (registry.onChange !== undefined) for (const { uuid } of doomed.keys()) gone.add(uuid)
      note(images, missing, doomed, objects)
      return new Map<Item<undefined>, ImageDetails | Missing>([
        ...missing.map((item): [Item<undefined>, Missing] => [item, { id: item.id, missing: true }]),
        ...(await describeImages(trx, [...images.keys()])),
      ])
    },
  })
}

/** Notes on each item what happened to it. */
function note<I extends Item>(
  images: ReadonlyMap<I, ImageRow>,
  missing: readonly I[],
  doomed: ReadonlyMap<I, unknown>,
  objects: ReadonlyMap<string, unknown>,
): void {
  for (const [item, image] of images) item.happened = deletion(item, image, doomed.has(item), objects)
  for (const item of missing) item.happened = { kind: 'image', id: item.id, what: 'unchanged', why: 'missing' }
}

/** @param objects the backup objects that were deleted too, by canonical ID. */
function deletion(
  { id }: Item,
  { display_name: name, backup_object_id: objectId }: ImageRow,
  isNew: boolean,
  objects: ReadonlyMap<string, unknown>,
): Happened {
  const thing = { kind: 'image', id, name } as const
  if (!isNew) return { ...thing, what: 'unchanged', why: 'deleted' }
  return { ...thing, what: 'deleted', objects: objectId !== null && objects.has(objectId) ? [objectId] : [] }
}

function deletedAlready(id: string, since: string): VdcError {
  return new VdcError('IMAGE_DELETED', `Image ${id} is already deleted (since ${isoTime(since)})`, {
    hint: 'Use --ignore-missing to accept images that are already deleted',
  })
}
