import type * as z from 'zod/mini'
import { hashImageFile } from '../../../disk/hash/checksums.ts'
import type { TargetFormat } from '../../../disk/inspect/file-formats.ts'
import { folderUri, localUri } from '../../backup-storage/local-uri.ts'
import type { Registry, Watcher } from '../../registry.ts'
import { validate } from '../../rules/validate.ts'
import { DEFAULT_CONTAINER_FORMAT } from '../../rules/values.ts'
import type { ImageDetails } from '../details.ts'
import { acceptFile, archOf, storedFile, withImageFile } from './accept-file.ts'
import { requireChecksum } from './expectations.ts'
import { checkDatabase, fileImageRequest, storeFileImage } from './file-image.ts'
import { registerConverted } from './register-converted.ts'

/** What `registerFile` takes: the columns of an image as an operator gives them, ids with or without prefix, and what is expected of the file. */
export type FileImageRequest = z.input<typeof fileImageRequest>

/**
 * Registers a disk image that lies on this host: looks at the file, hashes it,
 * and writes image, backup object, storage, labels and history in one
 * transaction (dcmgr.md). With `convert`, what is registered is a file in that
 * format, made beside it. With `thorough`, the whole disk is read as well.
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
  const { md5sum, ...given } = validate(fileImageRequest, request)
  const valid = md5sum === undefined ? given : { ...given, checksum: { md5: md5sum } }
  return withImageFile(valid.path, async (file) => {
    const expected = { format: valid.file_format, maxSize: valid.max_size, prefersVhd: valid.convert !== undefined }
    const uri = localUri(file.path)
    folderUri(uri)
    const image = await acceptFile(file, expected, watcher, registry.warn)
    const arch = archOf(image, valid.arch, file.path)
    if (valid.convert !== undefined) {
      const convert = valid.convert as TargetFormat
      if (image.fileFormat !== convert || image.containerFormat !== DEFAULT_CONTAINER_FORMAT)
        return registerConverted(registry, { ...valid, arch, convert }, { file, image, arch: valid.arch }, watcher)
      registry.warn(`The file ${file.path} is ${convert} already, and is registered as it is`)
    }
    await checkDatabase(registry, { ...valid, arch }, uri)
    if (valid.thorough) await (await import('../../../disk/inspect/thorough.ts')).readWholeDisk(file, image, watcher)
    const hashes = await hashImageFile(file, watcher)
    requireChecksum(file.path, hashes, valid.checksum)
    return storeFileImage(registry, { ...valid, arch }, image.fileFormat, storedFile(file, uri, image, hashes))
  })
}
