import * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import { sqlTime } from '../../db/sql/time.ts'
import type { DeletedSelection } from '../../db/tables/purge.ts'
import type { Registry, Watcher } from '../registry.ts'
import { parseId } from '../rules/identifiers.ts'
import { parseBoundary } from '../rules/times.ts'
import { validate } from '../rules/validate.ts'
import { findGoingFiles, purgeFiles } from './files.ts'
import { findGoingImages, objectsOf, purgeRows, requirePurgeable } from './images.ts'
import type { Purged, PurgeOutcome } from './outcome.ts'
import { Going } from './preview.ts'

/** What is purged without being asked for longer ago. */
export const DEFAULT_AGE = '90d'

/** Times are rounded up to whole seconds. */
const SECOND = 1000

const purgeRequest = z.object({
  ids: z.optional(z.array(z.string())),
  older_than: z.prefault(z.string(), DEFAULT_AGE),
  files: z.prefault(z.boolean(), false),
})

/** What `planPurge` takes: ids of images, with or without prefix; how long ago they were deleted (`parseBoundary`); whether files go too. */
export type PurgeRequest = z.input<typeof purgeRequest>

/** What a purge is to remove. */
export interface PurgePlan {
  images: DeletedSelection
  /** undefined where no files are to go. */
  objects: DeletedSelection | undefined
  /** How many there are of each, and which are the first. */
  going: { images: Going; files: Going }
}

/**
 * Chooses what a purge is to remove, counts it and tells the first, for the question
 * whether that is wanted. Nothing is changed.
 *
 * @throws VdcError VALUE_REFUSED; IMAGE_NOT_FOUND, IMAGE_NOT_DELETED, IMAGE_PROTECTED or IN_USE
 *   for an image that is named and can't be purged; USAGE for files where all is to be committed together.
 */
export async function planPurge(registry: Registry, request: PurgeRequest): Promise<PurgePlan> {
  const valid = validate(purgeRequest, request)
  const before = parseBoundary('older_than', valid.older_than, new Date())
  if (before > sqlTime(new Date(Date.now() + SECOND))) {
    throw new VdcError(
      'VALUE_REFUSED',
      `older_than ${valid.older_than} is in the future: everything that is deleted would go`,
      {
        hint: '0d means that, and is taken',
      },
    )
  }
  if (valid.files && registry.database.commits === 'outer') {
    throw new VdcError('USAGE', 'The removal of files cannot be undone with what else is committed together', {
      hint: 'Purge by itself: vdc-manage image purge --files',
    })
  }
  const uuids = valid.ids && [...new Set(valid.ids.map((id) => parseId('image', id)))]
  const named = uuids && (await requirePurgeable(registry, uuids, before))
  const images = { before, uuids: named }
  const objects = valid.files ? { before, uuids: named && (await objectsOf(registry, named)) } : undefined
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
 * Removes for good what was planned, image by image as far as it still holds:
 * rows of images with their labels and tags, their history stays; then files of
 * deleted backup objects that nothing uses, the objects becoming `purged`. It may
 * be ended at any moment and run again: an image is there whole, or not at all.
 *
 * @param outcome told how it went.
 * @param watcher told of the hashing of files, and may end it.
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
