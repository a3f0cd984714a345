import type * as z from 'zod/mini'
import type { ImageFile, NamedHow } from '../../../disk/file/image-file.ts'
import { type HashOptions, hashImageFile } from '../../../disk/hash/checksums.ts'
import type { TargetFormat } from '../../../disk/inspect/file-formats.ts'
import type { StoredFile } from '../../backup-object/stored-file.ts'
import { folderUri, localUri } from '../../backup-storage/local-uri.ts'
import type { Registry, Watcher } from '../../registry.ts'
import { validate } from '../../rules/validate.ts'
import { DEFAULT_CONTAINER_FORMAT } from '../../rules/values.ts'
import { requireUnpacked } from '../check/require-unpacked.ts'
import type { ImageDetails } from '../details.ts'
import { type AcceptedImage, acceptFile, archOf, copied, storedFile, withImageFile } from './accept-file.ts'
import { checksumsBeside } from './checksums-beside.ts'
import { requireChecksum } from './expectations.ts'
import { checkDatabase, type FileImage, fileImageRequest, storeFileImage } from './file-image.ts'
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
 * @param named how the file was named.
 * @returns the stored image, after the commit.
 * @throws VdcError if a value or the file is refused, something does not exist or there is
 *   a conflict; then nothing has been written.
 */
export async function registerFile(
  registry: Registry,
  request: FileImageRequest,
  watcher: Watcher,
  named?: NamedHow,
): Promise<ImageDetails> {
  const valid = validFileImage(request)
  return withImageFile({ path: valid.path, ...named }, async (file) => {
    const { image, accepted } = await acceptNamed(registry, file, valid, watcher)
    const convert = formatOfCopy(valid, image, file.path, registry.warn)
    if (convert !== undefined)
      return registerConverted(registry, { ...accepted, convert }, { file, image, arch: valid.arch }, watcher)
    if (valid.check)
      requireUnpacked(image, file.path, 'Register an unpacked copy with --convert qcow2, or omit --check')
    await checkDatabase(registry, accepted, localUri(file.path))
    const stored = await readFile(file, image, accepted, watcher)
    const check = valid.check ? await requireReadyGuest(file, image, file.path, watcher) : undefined
    return storeFileImage(registry, accepted, image.fileFormat, stored, check)
  })
}

/**
 * Validates the request of `registerFile`.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export function validFileImage(request: FileImageRequest): ValidRequest {
  const { md5sum, ...given } = validate(fileImageRequest, request)
  return md5sum === undefined ? given : { ...given, checksum: { md5: md5sum } }
}

type ValidRequest = z.output<typeof fileImageRequest>

/**
 * Inspects an open file that is to be registered.
 *
 * @returns the inspection, and the request with what the file itself says.
 * @throws VdcError FILE_REFUSED, QEMU_IMG_FAILED, FILE_NOT_WRITTEN.
 */
export async function acceptNamed(
  { warn, onChange }: Registry,
  file: ImageFile,
  valid: ValidRequest,
  watcher: Watcher,
): Promise<{ image: AcceptedImage; accepted: FileImage }> {
  const isCopied = valid.convert !== undefined || valid.prepare === true
  const expected = {
    format: valid.file_format,
    maxSize: valid.max_size,
    ...(isCopied && copied(onChange === undefined)),
  }
  folderUri(localUri(file.path))
  const checksum = valid.checksum ?? (await checksumsBeside(file.path, warn))
  const image = await acceptFile(file, expected, watcher, warn)
  return { image, accepted: { ...valid, checksum, path: file.path, arch: archOf(image, valid.arch, file.path) } }
}

/**
 * Reads an accepted file to its end, and returns what its backup object stores.
 *
 * @throws VdcError FILE_REFUSED if it has not the expected checksum, or changes meanwhile.
 */
export async function readFile(
  file: ImageFile,
  image: AcceptedImage,
  accepted: FileImage,
  watcher: Watcher,
  options: HashOptions = {},
): Promise<StoredFile> {
  if (accepted.thorough) await (await import('../../../disk/inspect/thorough.ts')).readWholeDisk(file, image, watcher)
  const hashes = await hashImageFile(file, watcher, options)
  requireChecksum(file.path, hashes, accepted.checksum)
  return storedFile(file, localUri(file.path), image, hashes)
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
