import { dirname } from 'node:path'
import * as z from 'zod/mini'
import type { Queryable } from '../../../db/database.ts'
import { requireColumns } from '../../../db/schema/wakame-schema.ts'
import { isoTime, sqlTime } from '../../../db/sql/time.ts'
import { insertLabels } from '../../../db/tables/labels.ts'
import { inTransaction } from '../../../db/transactions/unit-of-work.ts'
import { TARGET_FORMATS } from '../../../disk/inspect/file-formats.ts'
import { createObject, findObjectOf } from '../../backup-object/find-by-file.ts'
import type { StoredFile } from '../../backup-object/stored-file.ts'
import { createLocalStorage, storagesOf } from '../../backup-storage/find-by-file.ts'
import { newLabel } from '../../labels.ts'
import type { Registry } from '../../registry.ts'
import { type CheckCounts, labelsOfCheck } from '../../rules/check-labels.ts'
import { md5 } from '../../rules/checksum.ts'
import { canonicalId } from '../../rules/identifiers.ts'
import { oneOf } from '../../rules/texts.ts'
import { BOOT_FROM_LOCAL } from '../../rules/values.ts'
import { checkImageAttributes, imageAttributes, newImageAttributes } from '../attributes.ts'
import { describeImage, type ImageDetails } from '../details.ts'
import { requireWritable, writeImage } from '../write.ts'
import { type ExpectedChecksums, expectations } from './expectations.ts'
import { nameOfFile } from './file-name.ts'

/** The schema of the request of `registerFile`. */
export const fileImageRequest = z.object({
  ...newImageAttributes,
  ...expectations,
  arch: z.optional(imageAttributes.arch),
  /** Same as `checksum`, under its name in Wakame-vdc 11.12. */
  md5sum: z.optional(md5),
  path: z.string(),
  storage_id: z.optional(z.string()),
  convert: z.optional(oneOf(TARGET_FORMATS)),
  thorough: z.optional(z.boolean()),
  check: z.optional(z.boolean()),
  prepare: z.optional(z.boolean()),
})

/** A validated request with the architecture of the file. */
export type FileImage = Omit<z.output<typeof fileImageRequest>, 'checksum'> & {
  arch: string
  checksum?: ExpectedChecksums | undefined
}

/**
 * Checks the request against the database before the file is hashed or converted, which can take minutes.
 *
 * @param uri URI of the file to register.
 * @throws VdcError the errors of `storeFileImage`.
 */
export async function checkDatabase(registry: Registry, request: FileImage, uri: string): Promise<void> {
  await checkImageAttributes(registry, request)
  await requireColumns(registry.database, 'images')
  await requireWritable(registry.database.knex, request)
  await storagesOf(registry.database.knex, uri, request.storage_id)
}

/**
 * Writes the image of a file, its backup object and its storage in one unit of work.
 *
 * @param check the result of the check of the guest in the file, to store in labels.
 * @returns the stored image, after the commit.
 * @throws VdcError for any value that is refused and any conflict; COMMIT_UNCERTAIN.
 */
export async function storeFileImage(
  registry: Registry,
  request: FileImage,
  fileFormat: string,
  file: StoredFile,
  check?: CheckCounts,
): Promise<ImageDetails> {
  const image = await inTransaction(registry.database, async (trx) => {
    const uuid = await writeImage(registry, trx, request, async (ownerId, now) => ({
      bootDevType: BOOT_FROM_LOCAL,
      fileFormat,
      displayName: nameOfFile(file.path),
      backupObjectId: await objectOf(registry, trx, request, file, ownerId, now),
    }))
    if (check !== undefined) await labelChecked(trx, canonicalId('image', uuid), check)
    return describeImage(registry, uuid, trx)
  })
  await registry.noteImageFolder(dirname(file.path), { below: false })
  return image
}

async function labelChecked(db: Queryable, id: string, check: CheckCounts): Promise<void> {
  const now = sqlTime(new Date())
  const labels = [...labelsOfCheck(check, isoTime(now))]
  await insertLabels(
    db,
    labels.map(([name, value]) => newLabel(id, name, value, now)),
  )
}

/** Finds or creates the backup object of the file and its storage; returns the object's canonical ID. */
async function objectOf(
  registry: Registry,
  db: Queryable,
  request: FileImage,
  file: StoredFile,
  ownerId: string,
  now: string,
): Promise<string> {
  const preferred = registry.serviceTypes?.get(request.service_type)?.storageId
  const storages = await storagesOf(db, file.uri, request.storage_id, preferred)
  const found = await findObjectOf(db, storages, file)
  if (found !== undefined) return found
  const storage = storages[0] ?? (await createLocalStorage(db, file.uri, now))
  const attributes = {
    account_id: ownerId,
    display_name: nameOfFile(file.path),
    service_type: request.service_type,
  }
  return createObject(db, storage, file, attributes, now)
}
