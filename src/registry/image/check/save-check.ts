import { VdcError } from '../../../core/errors.ts'
import type { Queryable } from '../../../db/database.ts'
import { isoTime, sqlTime } from '../../../db/sql/time.ts'
import { claimUse } from '../../../db/transactions/claims.ts'
import { type ImageFile, isUnchanged } from '../../../disk/file/image-file.ts'
import { type Item, inBatches } from '../../batch/batches.ts'
import { idsOf } from '../../batch/decide.ts'
import { changeLabels } from '../../labels.ts'
import type { Registry } from '../../registry.ts'
import { CHECK_LABELS, type CheckCounts, labelsOfCheck } from '../../rules/check-labels.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { imagesToChange, protectedSince, requireUnprotected } from '../find.ts'
import type { ImageOnHost } from './registered-guest.ts'

/**
 * Refuses an image whose check could not be saved, before it is checked, which takes a minute.
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

/**
 * Stores the summary of a check in labels of the image, unless the image or its file was changed meanwhile.
 *
 * @param checked the image as it was before the check.
 * @param file the file that was checked.
 * @throws VdcError IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED; OBJECT_CONFLICT if the image now boots
 *   from something else; FILE_CHANGED if the file is not the one that was checked.
 */
export async function saveCheck(
  registry: Registry,
  checked: ImageOnHost,
  file: ImageFile,
  report: CheckCounts,
  options: { force: boolean },
): Promise<void> {
  const outcomes = inBatches(registry, 'image', [checked.id], {
    work: async (trx, items) => {
      await claimUse(trx, ...idsOf(items))
      const images = [...(await imagesToChange(trx, items, options)).keys()]
      const details = await describeImages(trx, images)
      for (const image of details.values()) requireSameContents(checked, image)
      if (!(await isUnchanged(file))) throw fileChanged(checked.id, file)
      const now = sqlTime(new Date())
      await changeLabels(trx, images, labelsOfCheck(report, isoTime(now)), now)
      return details
    },
  })
  for await (const outcome of outcomes) if ('error' in outcome) throw outcome.error
}

/** Removes the summary of a check from the labels of images that boot from something else now. */
export async function forgetChecks<I extends Item>(db: Queryable, images: readonly I[], now: string): Promise<void> {
  if (images.length > 0) await changeLabels(db, images, new Map(CHECK_LABELS.map((label) => [label, null])), now)
}

/** @throws VdcError OBJECT_CONFLICT if an image no longer boots from the file that was checked. */
function requireSameContents(checked: ImageOnHost, now: ImageDetails): void {
  const contents = ({ file_format, backup_object: object }: ImageDetails) =>
    [file_format, object?.id, object?.state, object?.uri, object?.allocation_size, object?.checksum].join('\n')
  if (contents(checked) === contents(now)) return
  throw new VdcError(
    'OBJECT_CONFLICT',
    `Image ${now.id} was changed while its file was being checked, so the result was not saved`,
    { hint: `Check it again with: vdc-manage image check ${now.id} --save` },
  )
}

function fileChanged(id: string, file: ImageFile): VdcError {
  return new VdcError(
    'FILE_CHANGED',
    `The file ${file.path} was changed while it was being checked, so the result was not saved`,
    { hint: `Compare the file with the registry: vdc-manage image verify ${id}` },
  )
}
