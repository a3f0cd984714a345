import { dirname, join } from 'node:path'
import { VdcError } from '../../../core/errors.ts'
import { shellWord } from '../../../core/shell-word.ts'
import { selectObjectsUnder } from '../../../db/tables/backup-objects.ts'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import { isOwnFile } from '../../../disk/file/local-file.ts'
import { hashImageFile } from '../../../disk/hash/checksums.ts'
import { endingFor, type TargetFormat } from '../../../disk/inspect/file-formats.ts'
import { convertImage, tryConversion, withConvertible } from '../../../disk/make/convert-image.ts'
import type { MadeImage } from '../../../disk/make/made-image.ts'
import { storagesOf } from '../../backup-storage/find-by-file.ts'
import { isKeyable, localUri, objectKeyIn } from '../../backup-storage/local-uri.ts'
import type { Registry, Watcher } from '../../registry.ts'
import type { CheckCounts } from '../../rules/check-labels.ts'
import { DEFAULT_CONTAINER_FORMAT } from '../../rules/values.ts'
import type { ImageDetails } from '../details.ts'
import { type AcceptedImage, accept, archOf, storedFile } from './accept-file.ts'
import { unmadeFile, withUnknowns } from './dry-run-file.ts'
import { requireChecksum } from './expectations.ts'
import { checkDatabase, type FileImage, storeFileImage } from './file-image.ts'
import { nameOfFile } from './file-name.ts'
import { prepareNewGuest, requireReadyGuest, tryPrepareNewGuest } from './ready-guest.ts'

type Request = FileImage & { convert: TargetFormat }

/** The file to convert, its inspection and the requested architecture. */
interface SourceFile {
  file: ImageFile
  image: AcceptedImage
  arch: string | undefined
}

/**
 * Converts a file, and prepares it if asked to, into a new one in the same folder and registers the new file. Moves it
 * into place just before writing the rows, and removes it if they cannot be written. A
 * dry run creates no file and reports the rows as far as they are known.
 *
 * @throws VdcError the errors of `registerFile`; FILE_EXISTS if the new file's name is
 *   taken; USAGE within --tx bulk.
 */
export async function registerConverted(
  registry: Registry,
  given: Request,
  source: SourceFile,
  watcher: Watcher,
): Promise<ImageDetails> {
  // A prepared file has another name than its source.
  const request = given.prepare ? { display_name: nameOfFile(source.file.path), ...given } : given
  if (registry.database.commits === 'outer') {
    throw new VdcError('USAGE', 'Cannot make files within --tx bulk, because they cannot be rolled back', {
      hint: 'Make the file first, with vdc-manage image convert or image prepare',
    })
  }
  const { file, image } = source
  const conversion = { to: request.convert, compress: false }
  const beside = join(dirname(file.path), nameOfCopy(file.path, request))
  try {
    return await withConvertible(beside, conversion, async (place) => {
      const uri = localUri(place.path)
      await checkDatabase(registry, request, uri)
      const requireContents = async (used: ImageFile) => {
        if (request.checksum !== undefined)
          requireChecksum(file.path, await hashImageFile(used, watcher), request.checksum)
      }
      if (registry.onChange !== undefined) {
        await requireContents(file)
        // A real conversion reads the whole disk anyway.
        if (request.thorough)
          await (await import('../../../disk/inspect/thorough.ts')).readWholeDisk(file, image, watcher)
        const virtualSize = await tryConversion(file, image, place)
        registry.onChange({ action: 'create', path: place.path, file_format: request.convert })
        const unmade = unmadeFile(place.path, uri, virtualSize)
        const check = await tryCheck(registry, request, source, watcher)
        return storeFileImage(withUnknowns(registry), request, request.convert, unmade, check)
      }
      let check: CheckCounts | undefined
      const change = async (made: ImageFile) => {
        check = await prepareNewGuest(made, request.convert, file.path, watcher)
      }
      return convertImage(file, image, place, conversion, watcher, {
        ...(request.checksum !== undefined && { requireContents }),
        ...(request.prepare && { change }),
        use: (made) => registerMade(registry, request, made, source, watcher, check),
      })
    })
  } catch (error) {
    throw await perhapsLeftOver(registry, beside, error)
  }
}

/** Returns the name of the copy. A prepared one is told apart, because it may have the format of its source. */
function nameOfCopy(path: string, { convert, prepare }: Request): string {
  return `${nameOfFile(path)}${prepare ? '.prepared' : ''}.${endingFor(convert)}`
}

/** In a dry run, checks the source, and reports how its guest would be prepared. */
async function tryCheck(
  registry: Registry,
  request: Request,
  source: SourceFile,
  watcher: Watcher,
): Promise<CheckCounts | undefined> {
  if (!request.prepare) return request.check ? checkUnconverted(registry, source, watcher) : undefined
  const { edits, check } = await tryPrepareNewGuest(source.file, source.image, watcher)
  for (const edit of edits) registry.onChange?.(edit)
  return check
}

/** In a dry run, checks the source, whose guest the new file would have. A packed one can be looked into only when it is converted. */
async function checkUnconverted(
  registry: Registry,
  { file, image }: SourceFile,
  watcher: Watcher,
): Promise<CheckCounts | undefined> {
  if (image.containerFormat === DEFAULT_CONTAINER_FORMAT) return requireReadyGuest(file, image, file.path, watcher)
  registry.warn(`The file ${file.path} is packed, so its guest is checked only when it is converted`)
  return undefined
}

async function registerMade(
  registry: Registry,
  request: Request,
  made: MadeImage,
  source: SourceFile,
  watcher: Watcher,
  prepared: CheckCounts | undefined,
): Promise<ImageDetails> {
  const { path } = made.file
  const image = accept(made.inspection, path, registry.warn)
  const arch = archOf(image, source.arch, path)
  const hashes = await hashImageFile(made.file, watcher)
  // Preparing checked it.
  const isUnchecked = request.check && prepared === undefined
  const check = isUnchecked ? await requireReadyGuest(made.file, image, source.file.path, watcher) : prepared
  const stored = storedFile(await made.moveIntoPlace(), localUri(path), image, hashes)
  try {
    return await storeFileImage(registry, { ...request, arch }, request.convert, stored, check)
  } catch (error) {
    // The image may have been registered, so keep the file.
    if (error instanceof VdcError && error.code === 'COMMIT_UNCERTAIN') throw error
    await made.removeFromPlace().catch((failure: Error) => {
      registry.warn(`The new file ${path} could not be removed: ${failure.message}`)
    })
    throw error
  }
}

/** Adds a hint to FILE_EXISTS if the existing file may be left over from a conversion that was killed before the registration. */
async function perhapsLeftOver(registry: Registry, path: string, error: unknown): Promise<unknown> {
  if (!(error instanceof VdcError) || error.code !== 'FILE_EXISTS') return error
  if (!(await isOwnFile(path)) || (await isKnown(registry, localUri(path)).catch(() => true))) {
    // The name of the result follows from the name of the file.
    const hint = 'Remove it, or convert to another name with vdc-manage image convert, and register the result'
    return new VdcError('FILE_EXISTS', error.message, { hint, cause: error })
  }
  const again = `vdc-manage image add local ${shellWord(path)} --account-id …`
  return new VdcError('FILE_EXISTS', `${error.message}, and no backup object refers to it`, {
    hint: `If an interrupted --convert or --prepare left it behind, it is complete. Remove it, or register it as it is with: ${again}`,
    cause: error,
  })
}

/** Returns whether a backup object, which may be deleted, has a URI. */
async function isKnown(registry: Registry, uri: string): Promise<boolean> {
  const { knex } = registry.database
  for (const storage of await storagesOf(knex, uri, undefined)) {
    if (!isKeyable(uri, storage.base_uri)) continue
    if ((await selectObjectsUnder(knex, [storage.id], [objectKeyIn(uri, storage.base_uri)])).length > 0) return true
  }
  return false
}
