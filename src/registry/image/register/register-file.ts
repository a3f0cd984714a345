import type * as z from 'zod/mini'
import { hashImageFile } from '../../../disk/hash/checksums.ts'
import type { TargetFormat } from '../../../disk/inspect/file-formats.ts'
import { folderUri, localUri } from '../../backup-storage/local-uri.ts'
import type { Registry, Watcher } from '../../registry.ts'
import { validate } from '../../rules/validate.ts'
import { DEFAULT_CONTAINER_FORMAT } from '../../rules/values.ts'
import { requireUnpacked } from '../check/require-unpacked.ts'
import type { ImageDetails } from '../details.ts'
import { type AcceptedImage, acceptFile, archOf, storedFile, withImageFile } from './accept-file.ts'
import { requireChecksum } from './expectations.ts'
import { checkDatabase, fileImageRequest, storeFileImage } from './file-image.ts'
import { preparedFormat, requireReadyGuest } from './ready-guest.ts'
import { registerConverted } from './register-converted.ts'

/** The request of `registerFile`: image columns, expectations of the file and other options. IDs with or without prefix. */
export type FileImageRequest = z.input<typeof fileImageRequest>

/**
 * Registers a disk image on this host: checks and hashes the file, and writes the image,
 * backup object, storage, labels and history in one transaction (dcmgr.md). With
 * `convert`, registers a new file in that format in the same folder instead. With
 * `thorough`, reads the whole disk, too. With `check`, looks into the guest, which must be
 * ready for the cloud, and stores the result in labels. With `prepare`, makes a copy in the same
 * folder in which the guest is ready, and registers that.
 *
 * @param watcher receives the progress and can cancel the work.
 * @returns the stored image, after the commit.
 * @throws VdcError if a value or the file is refused, something does not exist or there is
 *   a conflict; then nothing has been written.
 */
export async function registerFile(
  registry: Registry,
  request: FileImageRequest,
  watcher: Watcher,
): Promise<ImageDetails> {
  const { md5sum, ...given } = validate(fileImageRequest, request)
  const valid = md5sum === undefined ? given : { ...given, checksum: { md5: md5sum } }
  return withImageFile(valid.path, async (file) => {
    const expected = {
      format: valid.file_format,
      maxSize: valid.max_size,
      prefersVhd: valid.convert !== undefined || valid.prepare === true,
    }
    const uri = localUri(file.path)
    folderUri(uri)
    const image = await acceptFile(file, expected, watcher, registry.warn)
    const arch = archOf(image, valid.arch, file.path)
    const convert = formatOfCopy(valid, image, file.path, registry.warn)
    if (convert !== undefined)
      return registerConverted(registry, { ...valid, arch, convert }, { file, image, arch: valid.arch }, watcher)
    if (valid.check)
      requireUnpacked(image, file.path, 'Register an unpacked copy with --convert qcow2, or omit --check')
    await checkDatabase(registry, { ...valid, arch }, uri)
    if (valid.thorough) await (await import('../../../disk/inspect/thorough.ts')).readWholeDisk(file, image, watcher)
    const hashes = await hashImageFile(file, watcher)
    requireChecksum(file.path, hashes, valid.checksum)
    const check = valid.check ? await requireReadyGuest(file, image, file.path, watcher) : undefined
    return storeFileImage(registry, { ...valid, arch }, image.fileFormat, storedFile(file, uri, image, hashes), check)
  })
}

/**
 * Returns the format of the copy that is to be registered; undefined if the file itself is.
 *
 * @throws VdcError VALUE_REFUSED.
 */
function formatOfCopy(
  { prepare, convert }: Pick<z.output<typeof fileImageRequest>, 'prepare' | 'convert'>,
  { fileFormat, containerFormat }: AcceptedImage,
  path: string,
  warn: (text: string) => void,
): TargetFormat | undefined {
  if (prepare) return preparedFormat(convert)
  if (convert === undefined || fileFormat !== convert || containerFormat !== DEFAULT_CONTAINER_FORMAT)
    return convert as TargetFormat | undefined
  warn(`The file ${path} is already ${convert}, and is registered as it is`)
  return undefined
}
