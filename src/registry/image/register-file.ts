import * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { hashImageFile } from '../../disk/checksums.ts'
import { closeImageFile, openImageFile } from '../../disk/image-file.ts'
import { inspectImage } from '../../disk/inspect-image.ts'
import { createObject, findObjectOf } from '../backup-object/of-file.ts'
import type { StoredFile } from '../backup-object/write.ts'
import { folderUri, localUri } from '../backup-storage/local-uri.ts'
import { createLocalStorage, storagesOf } from '../backup-storage/of-file.ts'
import type { Registry, Watcher } from '../registry.ts'
import { validate } from '../validate.ts'
import { BOOT_FROM_LOCAL, DEFAULT_CONTAINER_FORMAT } from '../values.ts'
import { checkImageAttributes, newImageAttributes } from './attributes.ts'
import type { ImageDetails } from './details.ts'
import { nameOfFile } from './file-name.ts'
import { requireWritable, writeImage } from './write.ts'

const fileImageRequest = z.object({ ...newImageAttributes, path: z.string(), storage_id: z.optional(z.string()) })

/** What `registerFile` takes: the columns of an image as an operator gives them, ids with or without prefix. */
export type FileImageRequest = z.input<typeof fileImageRequest>
type ValidRequest = z.output<typeof fileImageRequest>

/**
 * Registers a disk image that lies on this host: looks at the file, hashes it,
 * and writes image, backup object, storage, labels and history in one
 * transaction (dcmgr.md).
 *
 * @param watcher told of the hashing.
 * @returns the image as it is stored, after the commit.
 * @throws VdcError for whatever is refused, not there or in conflict; then nothing was written.
 */
export async function registerFile(
  registry: Registry,
  request: FileImageRequest,
  watcher: Watcher,
): Promise<ImageDetails> {
  const valid = validate(fileImageRequest, request)
  const file = await openImageFile(valid.path)
  try {
    const uri = localUri(file.path)
    folderUri(uri)
    const image = await inspectImage(file, valid.file_format)
    // What the database would refuse is found before the file is hashed, which takes minutes.
    await checkImageAttributes(registry, valid)
    await requireWritable(registry.database.knex, valid)
    await storagesOf(registry.database.knex, uri, valid.storage_id)
    const hashes = await hashImageFile(file, watcher)
    const stored = {
      path: file.path,
      uri,
      size: file.size,
      unpackedSize: file.size,
      containerFormat: DEFAULT_CONTAINER_FORMAT,
      virtualSize: image.virtualSize,
      ...hashes,
    }
    return await inTransaction(registry.database, (trx) =>
      writeImage(registry, trx, valid, async (ownerId, now) => ({
        bootDevType: BOOT_FROM_LOCAL,
        fileFormat: image.format,
        displayName: nameOfFile(file.path),
        backupObjectId: await objectOf(registry, trx, valid, stored, ownerId, now),
      })),
    )
  } finally {
    await closeImageFile(file)
  }
}

/** Finds or makes the backup object of the file, and its storage; returns its canonical id. */
async function objectOf(
  registry: Registry,
  db: Queryable,
  request: ValidRequest,
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
