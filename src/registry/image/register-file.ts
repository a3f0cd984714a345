import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { hashImageFile } from '../../disk/checksums.ts'
import { convertImage, requireConvertible, tryConversion } from '../../disk/convert-image.ts'
import { endingFor, TARGET_FORMATS, type TargetFormat } from '../../disk/file-formats.ts'
import type { ImageFile } from '../../disk/image-file.ts'
import { VdcError } from '../../errors.ts'
import { createObject, findObjectOf } from '../backup-object/of-file.ts'
import type { StoredFile } from '../backup-object/write.ts'
import { folderUri, localUri } from '../backup-storage/local-uri.ts'
import { createLocalStorage, storagesOf } from '../backup-storage/of-file.ts'
import type { Registry, Watcher } from '../registry.ts'
import { oneOf } from '../texts.ts'
import { validate } from '../validate.ts'
import { BOOT_FROM_LOCAL, DEFAULT_CONTAINER_FORMAT } from '../values.ts'
import { type AcceptedImage, acceptFile, archOf, storedFile, withImageFile } from './accept-file.ts'
import { checkImageAttributes, imageAttributes, newImageAttributes } from './attributes.ts'
import type { ImageDetails } from './details.ts'
import { expectations, requireChecksum } from './expectations.ts'
import { nameOfFile } from './file-name.ts'
import { unmadeFile, withUnknowns } from './unmade-file.ts'
import { requireWritable, writeImage } from './write.ts'

const fileImageRequest = z.object({
  ...newImageAttributes,
  ...expectations,
  arch: z.optional(imageAttributes.arch),
  path: z.string(),
  storage_id: z.optional(z.string()),
  convert: z.optional(oneOf(TARGET_FORMATS)),
})

/** What `registerFile` takes: the columns of an image as an operator gives them, ids with or without prefix, and what is expected of the file. */
export type FileImageRequest = z.input<typeof fileImageRequest>
type ValidRequest = z.output<typeof fileImageRequest>

/**
 * Registers a disk image that lies on this host: looks at the file, hashes it,
 * and writes image, backup object, storage, labels and history in one
 * transaction (dcmgr.md). With `convert`, what is registered is a file in that
 * format, made beside it.
 *
 * @param watcher told of what takes long.
 * @returns the image as it is stored, after the commit.
 * @throws VdcError for whatever is refused, not there or in conflict; then nothing was written.
 */
export async function registerFile(
  registry: Registry,
  request: FileImageRequest,
  watcher: Watcher,
): Promise<ImageDetails> {
  const valid = validate(fileImageRequest, request)
  return withImageFile(valid.path, async (file) => {
    const expected = { format: valid.file_format, maxSize: valid.max_size, prefersVhd: valid.convert !== undefined }
    const uri = localUri(file.path)
    folderUri(uri)
    const image = await acceptFile(file, expected, watcher, registry.warn)
    const arch = archOf(image, valid.arch, file.path)
    if (valid.convert !== undefined) {
      const convert = valid.convert as TargetFormat
      if (image.fileFormat !== convert || image.containerFormat !== DEFAULT_CONTAINER_FORMAT)
        return registerConverted(registry, { ...valid, arch, convert }, request, { file, image }, watcher)
      registry.warn(`The file ${file.path} is ${convert} already, and is registered as it is`)
    }
    await checkDatabase(registry, valid, uri)
    const hashes = await hashImageFile(file, watcher)
    requireChecksum(file.path, hashes, valid.checksum)
    return store(registry, { ...valid, arch }, image.fileFormat, storedFile(file, uri, image, hashes))
  })
}

/** Writes the image, and what it needs, in one unit of work. */
async function store(
  registry: Registry,
  request: ValidRequest & { arch: string },
  fileFormat: string,
  file: StoredFile,
): Promise<ImageDetails> {
  const image = await inTransaction(registry.database, (trx) =>
    writeImage(registry, trx, request, async (ownerId, now) => ({
      bootDevType: BOOT_FROM_LOCAL,
      fileFormat,
      displayName: nameOfFile(file.path),
      backupObjectId: await objectOf(registry, trx, request, file, ownerId, now),
    })),
  )
  await registry.noteImageFolder(dirname(file.path), { below: false })
  return image
}

/** Finds what the database would refuse before the file is hashed or converted, which takes minutes. */
async function checkDatabase(registry: Registry, valid: ValidRequest, uri: string): Promise<void> {
  await checkImageAttributes(registry, valid)
  await requireWritable(registry.database.knex, valid)
  await storagesOf(registry.database.knex, uri, valid.storage_id)
}

/**
 * Converts the file into one beside it and registers that; where it can't be
 * registered, it is removed. A dry run makes no file, and tells what of the rows is known.
 */
async function registerConverted(
  registry: Registry,
  valid: ValidRequest & { arch: string; convert: TargetFormat },
  request: FileImageRequest,
  { file, image }: { file: ImageFile; image: AcceptedImage },
  watcher: Watcher,
): Promise<ImageDetails> {
  if (registry.database.commits === 'outer') {
    throw new VdcError('USAGE', 'A conversion can not be undone with what else is committed together', {
      hint: 'Convert it before: vdc-manage image convert',
    })
  }
  const conversion = { to: valid.convert, compress: false }
  const beside = join(dirname(file.path), `${nameOfFile(file.path)}.${endingFor(valid.convert)}`)
  const out = await requireConvertible(beside, conversion)
  await checkDatabase(registry, valid, localUri(out))
  if (valid.checksum !== undefined) requireChecksum(file.path, await hashImageFile(file, watcher), valid.checksum)
  if (registry.onChange !== undefined) {
    const virtualSize = await tryConversion(file, image, out)
    registry.onChange({ action: 'create', path: out, file_format: valid.convert })
    return store(withUnknowns(registry), valid, valid.convert, unmadeFile(out, localUri(out), virtualSize))
  }
  await convertImage(file, image, out, conversion, watcher, valid.max_size)
  try {
    const { checksum: _, convert, ...rest } = request
    return await registerFile(registry, { ...rest, path: out, file_format: convert }, watcher)
  } catch (error) {
    // Where nobody knows whether it is registered, it must stay.
    if (!(error instanceof VdcError) || error.code !== 'COMMIT_UNCERTAIN') await rm(out, { force: true })
    throw error
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
