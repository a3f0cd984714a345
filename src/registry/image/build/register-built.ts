import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import { shellWord } from '../../../core/shell-word.ts'
import { hashImageFile } from '../../../disk/hash/checksums.ts'
import type { MadeImage } from '../../../disk/make/made-image.ts'
import { folderUri, localUri } from '../../backup-storage/local-uri.ts'
import { requireOwnCommits } from '../../own-commits.ts'
import type { Registry, Watcher } from '../../registry.ts'
import { validate } from '../../rules/validate.ts'
import { newImageAttributes } from '../attributes.ts'
import { reportOf } from '../check/inspect-file.ts'
import type { PreparedGuest } from '../prepare/prepare-guest.ts'
import { accept, storedFile } from '../register/accept-file.ts'
import { unmadeFile, withUnknowns } from '../register/dry-run-file.ts'
import { checkDatabase, type FileImage, storeFileImage } from '../register/file-image.ts'
import { type BuildRequest, type BuiltReport, buildWith, tryBuildImage } from './build-image.ts'
import { validBuild } from './build-request.ts'

const registration = z.object(newImageAttributes)

/** The attributes of the image that is registered. */
export type BuiltImageRequest = z.input<typeof registration>

/**
 * Builds a disk image and registers it, with the result of its check in labels. The new file stays if it cannot be
 * registered, because it took minutes to build.
 *
 * @throws VdcError the errors of `buildImage` and of `registerFile`; GUEST_NOT_READY if packages or the script made the
 *   guest unfit; USAGE within --tx bulk.
 */
export async function buildAndRegister(
  registry: Registry,
  request: BuildRequest,
  image: BuiltImageRequest,
  watcher: Watcher,
): Promise<BuiltReport> {
  requireOwnCommits(registry, 'Build the image first, without --register')
  const valid = fileImageOf(image, request.out)
  return buildWith(request, watcher, {
    prepare: async ({ path }) => {
      folderUri(localUri(path))
      await checkDatabase(registry, valid, localUri(path))
    },
    use: (made, prepared) => registerMade(registry, valid, made, prepared, watcher),
  })
}

/**
 * Reports the file and the rows that `buildAndRegister` would write, as far as they are known.
 *
 * @throws VdcError the errors of `buildAndRegister`, except those that occur only during the build.
 */
export async function tryBuildAndRegister(
  registry: Registry,
  request: BuildRequest,
  image: BuiltImageRequest,
  watcher: Watcher,
): Promise<void> {
  requireOwnCommits(registry, 'Build the image first, without --register')
  const valid = fileImageOf(image, request.out)
  const { options } = await validBuild(request, watcher)
  const change = await tryBuildImage(request, watcher)
  const uri = localUri(change.path)
  folderUri(uri)
  await checkDatabase(registry, valid, uri)
  registry.onChange?.(change)
  await storeFileImage(withUnknowns(registry), valid, change.file_format, unmadeFile(change.path, uri, options.size))
}

function fileImageOf(image: BuiltImageRequest, path: string): FileImage {
  return { ...validate(registration, image), path } as FileImage
}

async function registerMade(
  registry: Registry,
  request: FileImage,
  made: MadeImage,
  prepared: PreparedGuest,
  watcher: Watcher,
): Promise<BuiltReport> {
  const { path } = made.file
  const accepted = accept(made.inspection, path, registry.warn)
  const hashes = await hashImageFile(made.file, watcher)
  const file = await made.moveIntoPlace()
  try {
    if (!prepared.guest.ready)
      throw new VdcError('GUEST_NOT_READY', `The guest in ${path} is not ready for the cloud`, {
        hint: `List what is wrong with: vdc-manage image check ${shellWord(path)}`,
      })
    const stored = storedFile(file, localUri(path), accepted, hashes)
    const { id } = await storeFileImage(registry, request, accepted.fileFormat, stored, prepared.guest)
    return { ...(await reportOf(file, made.inspection)), ...hashes, ...prepared, id }
  } catch (error) {
    if (error instanceof VdcError) registry.warn(`${path} was built and is kept, but is not registered`)
    throw error
  }
}
