import * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import { sqlTime } from '../../db/sql/time.ts'
import type { DeletedSelection, ObjectsToPurge } from '../../db/tables/purge.ts'
import { uuidsByIdOrName } from '../names/by-id-or-name.ts'
import type { Registry, Watcher } from '../registry.ts'
import { parseBoundary } from '../rules/times.ts'
import { validate } from '../rules/validate.ts'
import { findGoingFiles, purgeFiles } from './files.ts'
import { findGoingImages, objectsOf, purgeRows, requirePurgeable } from './images.ts'
import type { Purged, PurgeOutcome } from './outcome.ts'
import { Going } from './preview.ts'

/** The default time since deletion after which images and files are purged. */
export const DEFAULT_AGE = '90d'

/** Times are rounded up to whole seconds. */
const SECOND = 1000

const purgeRequest = z.object({
  ids: z.optional(z.array(z.string())),
  older_than: z.prefault(z.string(), DEFAULT_AGE),
  files: z.prefault(z.boolean(), false),
  /** Remove files as with `files`, and those of objects that are not deleted but that no image uses. */
  unused: z.prefault(z.boolean(), false),
})

/** The request of `planPurge`: image IDs with or without prefix or names of deleted images, the minimum age (`parseBoundary`) and whether to remove files. */
export type PurgeRequest = z.input<typeof purgeRequest>

/** The images and objects that a purge will remove. */
export interface PurgePlan {
  images: DeletedSelection
  /** undefined if files are kept. */
  objects: ObjectsToPurge | undefined
  /** The number of each, and the first of them. */
  going: { images: Going; files: Going }
}

/**
 * Selects and counts the images and files to purge, for a confirmation prompt. Changes nothing.
 *
 * @throws VdcError VALUE_REFUSED if an ID or the age is not valid; IMAGE_NOT_FOUND,
 *   IMAGE_NOT_DELETED, IMAGE_PROTECTED or IN_USE if a given image cannot be purged; USAGE if
 *   files are to be removed within --tx bulk.
 */
export async function planPurge(registry: Registry, request: PurgeRequest): Promise<PurgePlan> {
  const valid = validate(purgeRequest, request)
  const before = parseBoundary('older_than', valid.older_than, new Date())
  if (before > sqlTime(new Date(Date.now() + SECOND))) {
    throw new VdcError(
      'VALUE_REFUSED',
      `older_than ${valid.older_than} is in the future, which would purge everything that is deleted`,
      {
        hint: 'To purge everything that is deleted, use 0d',
      },
    )
  }
  const { unused } = valid
  const files = valid.files || unused
  if (files && registry.database.commits === 'outer') {
    throw new VdcError('USAGE', 'Cannot remove files within --tx bulk, because their removal cannot be rolled back', {
      hint: 'Run it on its own: vdc-manage image purge --files',
    })
  }
  // What is not deleted cannot be purged, so its names do not count.
  const uuids = valid.ids && (await uuidsByIdOrName(registry.database.knex, 'image', valid.ids, 'deleted'))
  const named = uuids && (await requirePurgeable(registry, uuids, before))
  const images = { before, uuids: named }
  const objects = files ? { before, unused, uuids: named && (await objectsOf(registry, named)) } : undefined
  return {
    images,
    objects,
    going: {
      images: await findGoingImages(registry, images),
      files: objects === undefined ? new Going() : await findGoingFiles(registry, images, objects),
    },
  }
}

/**
 * Permanently removes the images and files of a plan that can still be purged: first
 * the image rows with their labels and tags, but not their history; then the files of
 * backup objects that nothing uses, whose state becomes `purged`. It can be
 * interrupted at any time and run again: each image is removed completely or not at all.
 *
 * @param outcome counts the files that could not be removed.
 * @param watcher receives the progress of hashing and can cancel it.
 */
export async function* purge(
  registry: Registry,
  plan: PurgePlan,
  outcome: PurgeOutcome,
  watcher: Watcher,
): AsyncGenerator<Purged> {
  yield* purgeRows(registry, plan.images)
  if (plan.objects !== undefined) yield* purgeFiles(registry, plan.images, plan.objects, outcome, watcher)
}
