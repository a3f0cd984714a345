import { VdcError } from '../../../core/errors.ts'
import { closeImageFile, type ImageFile, type NamedHow, openImageFile } from '../../../disk/file/image-file.ts'
import type { Checksums } from '../../../disk/hash/hashed.ts'
import { inspectImage } from '../../../disk/inspect/inspect-image.ts'
import { type Expectation, type Inspection, requireAcceptable } from '../../../disk/inspect/inspection.ts'
import type { StoredFile } from '../../backup-object/stored-file.ts'
import type { Watcher } from '../../registry.ts'
import { ARCHES, DEFAULT_ARCH } from '../../rules/values.ts'

/** The inspection of a disk image that may be registered. */
export type AcceptedImage = Inspection & { fileFormat: string; virtualSize: number }

/**
 * Checks an open file as described in validation.md, except for its checksums.
 *
 * @param warn prints a warning.
 * @throws VdcError FILE_REFUSED if the file may not be registered; QEMU_IMG_FAILED, FILE_NOT_WRITTEN.
 */
export async function acceptFile(
  file: ImageFile,
  expected: Expectation,
  watcher: Watcher,
  warn: (text: string) => void,
): Promise<AcceptedImage> {
  return accept(await inspectImage(file, expected, watcher), file.path, warn)
}

/**
 * Returns what is expected of a file of which a copy is made: it may be packed in any way.
 *
 * @param keepsUnpacked whether it is converted, and not only inspected.
 */
export function copied(keepsUnpacked: boolean): Expectation {
  return { prefersVhd: true, unpacks: 'all', keepsUnpacked }
}

/**
 * Accepts or refuses a file by its inspection, and prints the warnings of the inspection.
 *
 * @throws VdcError FILE_REFUSED if the file may not be registered.
 */
export function accept(inspection: Inspection, path: string, warn: (text: string) => void): AcceptedImage {
  requireAcceptable(inspection, path)
  for (const warning of inspection.warnings) warn(`The file ${path} ${warning}`)
  return inspection as AcceptedImage
}

/**
 * Returns the architecture of an image: the one found in the file, else the declared one,
 * else dcmgr's default.
 *
 * @throws VdcError FILE_REFUSED if the file's architecture is not the declared one or is
 *   not supported.
 */
export function archOf(inspection: Inspection, declared: string | undefined, path: string): string {
  const { arch: found } = inspection
  if (found === undefined) return declared ?? DEFAULT_ARCH
  if (declared !== undefined && declared !== found)
    throw new VdcError('FILE_REFUSED', `The file ${path} is made for ${found}, not ${declared} as declared`, {
      hint: 'Correct or omit --arch',
    })
  if (!(ARCHES as readonly string[]).includes(found))
    throw new VdcError(
      'FILE_REFUSED',
      `The file ${path} is made for ${found}, but instances can only be ${ARCHES.join(' or ')}`,
    )
  return found
}

/** Returns the properties of an accepted and hashed file that a backup object stores. */
export function storedFile(file: ImageFile, uri: string, image: AcceptedImage, hashes: Checksums): StoredFile {
  return {
    path: file.path,
    opened: file,
    uri,
    size: file.size,
    unpackedSize: image.size,
    containerFormat: image.containerFormat,
    virtualSize: image.virtualSize,
    ...hashes,
  }
}

/** Opens a file for `work`, and always closes it. */
export async function withImageFile<T>(
  named: string | ({ path: string } & NamedHow),
  work: (file: ImageFile) => Promise<T>,
): Promise<T> {
  const { path, ...how } = typeof named === 'string' ? { path: named } : named
  const file = await openImageFile(path, how)
  try {
    return await work(file)
  } finally {
    await closeImageFile(file)
  }
}
