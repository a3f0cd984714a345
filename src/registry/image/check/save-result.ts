import { VdcError } from '../../../core/errors.ts'
import type { Queryable } from '../../../db/database.ts'
import { isoTime, sqlTime } from '../../../db/sql/time.ts'
import { claimUse } from '../../../db/transactions/claims.ts'
import { type ImageFile, isUnchanged } from '../../../disk/file/image-file.ts'
import { type Item, inBatches } from '../../batch/batches.ts'
import { idsOf } from '../../batch/decide.ts'
import { changeLabels } from '../../labels.ts'
import type { Registry } from '../../registry.ts'
import { CHECK_LABELS } from '../../rules/check-labels.ts'
import { TRY_LABELS } from '../../rules/try-labels.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { imagesToChange, protectedSince, requireUnprotected } from '../find.ts'
import type { GuestWork, ImageOnHost } from './registered-guest.ts'

/**
 * Refuses an image whose result could not be saved, before its guest is looked at, which takes a minute.
 *
 * @throws VdcError IMAGE_PROTECTED.
 */
export async function requireSavable(
  { database: { knex } }: Registry,
  { id }: ImageDetails,
  options: { force: boolean },
): Promise<void> {
  if (!options.force) requireUnprotected(id, await protectedSince(knex, [{ id }]))
}

/** A result that is stored with an image. */
interface SavedResult {
  work: GuestWork
  /** Allow it for protected images. */
  force: boolean
  /** Returns the labels that store it, by its date (ISO 8601 UTC). */
  labelsOf: (date: string) => ReadonlyMap<string, string>
}

/** The participles of GuestWork. */
const DONE = { check: 'checked', try: 'tried' } as const

/**
 * Stores a result in labels of the image, unless the image or its file was changed meanwhile.
 *
 * @param before the image as it was before its guest was looked at.
 * @param file the file that was looked at.
 * @throws VdcError IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED; OBJECT_CONFLICT if the image now boots
 *   from something else; FILE_CHANGED if the file is not the one that was checked.
 */
export async function saveResult(
  registry: Registry,
  before: ImageOnHost,
  file: ImageFile,
  { work, force, labelsOf }: SavedResult,
): Promise<void> {
  const outcomes = inBatches(registry, 'image', [before.id], {
    work: async (trx, items) => {
      await claimUse(trx, ...idsOf(items))
      const images = [...(await imagesToChange(trx, items, { force })).keys()]
      const details = await describeImages(trx, images)
      for (const image of details.values()) requireSameContents(before, image, work)
      if (!(await isUnchanged(file))) throw fileChanged(before.id, file, work)
      const now = sqlTime(new Date())
      await changeLabels(trx, images, labelsOf(isoTime(now)), now)
      return details
    },
  })
  for await (const outcome of outcomes) if ('error' in outcome) throw outcome.error
}

/** Removes results from the labels of images that boot from something else now. */
export async function forgetResults<I extends Item>(db: Queryable, images: readonly I[], now: string): Promise<void> {
  if (images.length > 0)
    await changeLabels(db, images, new Map([...CHECK_LABELS, ...TRY_LABELS].map((label) => [label, null])), now)
}

/** @throws VdcError OBJECT_CONFLICT if an image no longer boots from the file that was looked at. */
function requireSameContents(before: ImageOnHost, now: ImageDetails, work: GuestWork): void {
  const contents = ({ file_format, backup_object: object }: ImageDetails) =>
    [file_format, object?.id, object?.state, object?.uri, object?.allocation_size, object?.checksum].join('\n')
  if (contents(before) === contents(now)) return
  throw new VdcError(
    'OBJECT_CONFLICT',
    `Image ${now.id} was changed while its file was being ${DONE[work]}, so the result was not saved`,
    { hint: `Repeat it with: vdc-manage image ${work} ${now.id} --save` },
  )
}

function fileChanged(id: string, file: ImageFile, work: GuestWork): VdcError {
  return new VdcError(
    'FILE_CHANGED',
    `The file ${file.path} was changed while it was being ${DONE[work]}, so the result was not saved`,
    { hint: `Compare the file with the registry: vdc-manage image verify ${id}` },
  )
}
