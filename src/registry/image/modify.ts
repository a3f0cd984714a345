import * as z from 'zod/mini'
import { updateImage } from '../../db/images.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { requireOwner } from '../account/owner.ts'
import { requireUsableObject } from '../backup-object/find.ts'
import { changesOf, recordChanges } from '../history.ts'
import { canonicalId, parseId, requireSameUuid } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { clearable } from '../texts.ts'
import { validate } from '../validate.ts'
import { checkImageAttributes, imageAttributes } from './attributes.ts'
import { describeImage, type ImageDetails } from './details.ts'
import { imageToChange } from './find.ts'
import { formatWarningOf } from './object-format.ts'
import { requireParent } from './parent.ts'
import { warnOfUnlisted } from './usability.ts'

const imageChanges = z.partial(
  z.object({
    ...imageAttributes,
    uuid: z.string(),
    description: clearable(imageAttributes.description),
    root_device: clearable(imageAttributes.root_device),
    parent_image_id: clearable(imageAttributes.parent_image_id),
    backup_object_id: clearable(z.string()),
  }),
)

/** What `modifyImage` changes; what isn't given stays, and the empty text clears what may be NULL. */
export type ImageChanges = z.input<typeof imageChanges>

/**
 * Changes an image, and records in its history what changed.
 *
 * @param id with or without its prefix.
 * @param options.force also where it is protected.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED, IMAGE_PROTECTED, ACCOUNT_…, OBJECT_….
 */
export async function modifyImage(
  registry: Registry,
  id: string,
  request: ImageChanges,
  options: { force: boolean },
): Promise<ImageDetails> {
  const uuid = parseId('image', id)
  const given = validate(imageChanges, request)
  requireSameUuid('image', uuid, given.uuid)
  await checkImageAttributes(registry, given)
  const owner = given.account_id === undefined ? undefined : parseId('account', given.account_id)
  let warning: string | undefined
  const modified = await inTransaction(registry.database, async (trx) => {
    const image = await imageToChange(trx, uuid, options)
    if (owner !== undefined && canonicalId('account', owner) !== image.account_id) await requireOwner(trx, owner)
    const parent = given.parent_image_id
    const object = given.backup_object_id
    const changes = changesOf(image, {
      account_id: owner === undefined ? undefined : canonicalId('account', owner),
      arch: given.arch,
      description: given.description,
      is_public: given.is_public === undefined ? undefined : Number(given.is_public),
      state: given.state,
      file_format: given.file_format,
      root_device: given.root_device,
      is_cacheable: given.is_cacheable === undefined ? undefined : Number(given.is_cacheable),
      instance_model_name: given.instance_model_name,
      parent_image_id: parent === undefined ? undefined : await requireParent(trx, parent, uuid),
      service_type: given.service_type,
      display_name: given.display_name,
      backup_object_id:
        typeof object === 'string'
          ? canonicalId('backupObject', (await requireUsableObject(trx, object)).uuid)
          : object,
      os_type: given.os_type,
    })
    if (Object.keys(changes).length > 0) {
      const now = sqlTime(new Date())
      const written = { ...changes, updated_at: now }
      await updateImage(trx, image.id, written)
      await recordChanges(trx, canonicalId('image', uuid), written, now)
    }
    if (given.file_format !== undefined || typeof object === 'string')
      warning = await formatWarningOf(trx, { ...image, ...changes })
    if (changes.account_id !== undefined || changes.is_public !== undefined)
      await warnOfUnlisted(registry, trx, { ...image, ...changes })
    return describeImage(registry, uuid, trx)
  })
  if (warning !== undefined) registry.warn(warning)
  return modified
}
