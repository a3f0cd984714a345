import * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { selectLabels } from '../../db/labels.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { requireUsableObject } from '../backup-object/find.ts'
import { canonicalId } from '../identifiers.ts'
import { labelsOf } from '../labels.ts'
import type { Registry } from '../registry.ts'
import { validate } from '../validate.ts'
import { BOOT_FROM_LOCAL, BOOT_FROM_VOLUME, DEFAULT_FILE_FORMAT, FILE_FORMAT_LABEL } from '../values.ts'
import { checkImageAttributes, newImageAttributes } from './attributes.ts'
import type { ImageDetails } from './details.ts'
import { writeImage } from './write.ts'

const objectImageRequest = z.object({ ...newImageAttributes, backup_object_id: z.string() })

/** What `registerObject` takes: the columns of an image as an operator gives them, ids with or without prefix. */
export type ObjectImageRequest = z.input<typeof objectImageRequest>

/**
 * Registers an image of a backup object that is known already, such as one in a
 * storage that this host doesn't see.
 *
 * @param boot what instances boot from: a local copy, or a volume made of the object.
 * @returns the image as it is stored, after the commit.
 * @throws VdcError VALUE_REFUSED, OBJECT_…, ACCOUNT_…, ID_TAKEN; then nothing was written.
 */
export async function registerObject(
  registry: Registry,
  boot: 'local' | 'volume',
  request: ObjectImageRequest,
): Promise<ImageDetails> {
  const valid = validate(objectImageRequest, request)
  await checkImageAttributes(registry, valid)
  return inTransaction(registry.database, (trx) =>
    writeImage(registry, trx, valid, async () => {
      const object = await requireUsableObject(trx, valid.backup_object_id)
      const id = canonicalId('backupObject', object.uuid)
      return {
        bootDevType: boot === 'local' ? BOOT_FROM_LOCAL : BOOT_FROM_VOLUME,
        fileFormat: valid.file_format ?? (await formatOf(trx, id)),
        displayName: object.display_name,
        backupObjectId: id,
      }
    }),
  )
}

/** The format of an object's bytes: what was found when it was added from a file, else dcmgr's default. */
async function formatOf(db: Queryable, objectId: string): Promise<string> {
  return labelsOf(await selectLabels(db, [objectId]), objectId)[FILE_FORMAT_LABEL] ?? DEFAULT_FILE_FORMAT
}
