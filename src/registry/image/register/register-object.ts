import * as z from 'zod/mini'
import { inTransaction } from '../../../db/transactions/unit-of-work.ts'
import { requireUsableObject } from '../../backup-object/find.ts'
import type { Registry } from '../../registry.ts'
import { canonicalId } from '../../rules/identifiers.ts'
import { validate } from '../../rules/validate.ts'
import { BOOT_FROM_LOCAL, BOOT_FROM_VOLUME } from '../../rules/values.ts'
import { checkImageAttributes, newImageAttributes } from '../attributes.ts'
import { describeImage, type ImageDetails } from '../details.ts'
import { writeImage } from '../write.ts'
import { formatOfObject, formatWarning, volumeWarning } from './object-format.ts'

const objectImageRequest = z.object({ ...newImageAttributes, backup_object_id: z.string() })

/** The request of `registerObject`: the image's columns. IDs with or without prefix. */
export type ObjectImageRequest = z.input<typeof objectImageRequest>

/** The result without details. */
export type ImageId = Pick<ImageDetails, 'id'>

/**
 * Registers an image of an existing backup object, for example one in a storage that this
 * host cannot access.
 *
 * @param boot whether instances boot from a local copy or from a volume made from the object.
 * @param options.details return the whole image, which takes more queries, not only its ID.
 * @returns the stored image, after the commit.
 * @throws VdcError VALUE_REFUSED, OBJECT_…, ACCOUNT_…, ID_TAKEN; then nothing has been written.
 */
export async function registerObject(
  registry: Registry,
  boot: 'local' | 'volume',
  request: ObjectImageRequest,
  options: { details: boolean } = { details: true },
): Promise<ImageDetails | ImageId> {
  const valid = validate(objectImageRequest, request)
  await checkImageAttributes(registry, valid)
  let warnings: (string | undefined)[] = []
  const image = await inTransaction(registry.database, async (trx) => {
    const uuid = await writeImage(registry, trx, valid, async () => {
      const object = await requireUsableObject(trx, valid.backup_object_id)
      const known = await formatOfObject(trx, object)
      const fileFormat = valid.file_format ?? known.format
      warnings = [
        formatWarning(object, known, valid.file_format),
        boot === 'volume' ? volumeWarning(object, fileFormat) : undefined,
      ]
      return {
        bootDevType: boot === 'local' ? BOOT_FROM_LOCAL : BOOT_FROM_VOLUME,
        fileFormat,
        displayName: object.display_name,
        backupObjectId: canonicalId('backupObject', object.uuid),
      }
    })
    return options.details ? describeImage(registry, uuid, trx) : { id: canonicalId('image', uuid) }
  })
  for (const warning of warnings) if (warning !== undefined) registry.warn(warning)
  return image
}
