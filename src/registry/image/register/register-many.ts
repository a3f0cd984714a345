import type * as z from 'zod/mini'
import { asVdcError, type VdcError } from '../../../core/errors.ts'
import { requireColumns } from '../../../db/schema/wakame-schema.ts'
import { closeImageFile, openImageFile, requireUnchanged } from '../../../disk/file/image-file.ts'
import { requireStorage } from '../../backup-storage/find.ts'
import { storagesOf } from '../../backup-storage/find-by-file.ts'
import { localUri } from '../../backup-storage/local-uri.ts'
import type { Outcome } from '../../batch/batches.ts'
import { outcomeOf } from '../../batch/outcome.ts'
import type { Registry, Watcher } from '../../registry.ts'
import { isIdNotFile } from '../../rules/id-or-path.ts'
import { checkImageAttributes } from '../attributes.ts'
import type { ImageDetails } from '../details.ts'
import type { ImageSource } from '../files/image-sources.ts'
import { inParallel, type Reading } from '../files/in-parallel.ts'
import { type ManyFiles, numbered } from '../files/many-files.ts'
import { requireWritable } from '../write.ts'
import { type fileImageRequest, storeFileImage } from './file-image.ts'
import { checksumsListedIn, isChecksumFile } from './given-checksum.ts'
import { acceptNamed, type FileImageRequest, readFile, validFileImage } from './register-file.ts'
import { registerLocal } from './register-local.ts'
import type { ImageId } from './register-object.ts'
import { tellingOnce } from './tell-once.ts'

type Request = Omit<FileImageRequest, 'path'>
type Registered = ImageDetails | ImageId

/**
 * Registers images of several files or backup objects, as `registerLocal` does for one. Files are read in parallel;
 * their images are stored in the order of the files, each in its own unit of work. With `convert`, `prepare` or
 * `check`, one file is finished before the next.
 *
 * @param options.details return whole images for backup objects, too.
 * @returns the outcome of each file, after the commit of its image.
 * @throws VdcError if the request is refused whatever the files are; errors of `files.sources`.
 */
export async function* registerMany(
  registry: Registry,
  files: ManyFiles,
  request: Request,
  watcher: Watcher,
  options: { details: boolean },
): AsyncGenerator<Outcome<Registered>> {
  const valid = validFileImage({
    ...request,
    ...(isChecksumFile(request.checksum) && { checksum: undefined }),
    path: '',
  })
  await checkRequest(registry, valid)
  const listed = await checksumsListedIn(request.checksum, watcher)
  const requestFor = (path: string) => ({ ...request, ...listed(path) })
  const { told, next } = tellingOnce(registry)
  const register = ({ word, error, ...named }: ImageSource, watcher: Watcher) => {
    if (error !== undefined) throw error
    const own = isIdNotFile('backupObject', word) ? request : requestFor(word)
    return registerLocal(told, word, own, watcher, { ...options, named })
  }
  if (valid.convert ?? valid.prepare ?? valid.check) {
    let number = 0
    for await (const source of files.sources) {
      next()
      yield await outcomeOf(source.word, async () => register(source, numbered(watcher, ++number, files.count)))
    }
    return
  }
  const work = async (source: ImageSource, reading: () => Reading): Promise<ReadFile> => {
    if (source.error !== undefined || isIdNotFile('backupObject', source.word))
      return { word: source.word, store: async () => register(source, watcher) }
    const validFor = (path: string) => validFileImage({ ...requestFor(path), path })
    return readSource(told, source, validFor, reading).catch((error) => ({
      word: source.word,
      error: asVdcError(error),
    }))
  }
  const how = { title: 'Registering', reads: true, discard: closeRead }
  for await (const read of inParallel(files, watcher, how, work)) {
    next()
    const outcome = await outcomeOf(read.word, async () => stored(read))
    await closeRead(read)
    yield outcome
  }
}

/** Refuses what would be refused for every file. */
async function checkRequest(registry: Registry, valid: z.output<typeof fileImageRequest>): Promise<void> {
  await checkImageAttributes(registry, valid)
  await requireColumns(registry.database, 'images')
  await requireWritable(registry.database.knex, valid)
  if (valid.storage_id !== undefined) await requireStorage(registry.database.knex, valid.storage_id)
}

/** A file that was read and is still open, or why it is refused. */
type ReadFile = { word: string } & (
  | { store: () => Promise<Registered>; close?: () => Promise<void> }
  | { error: VdcError }
)

async function readSource(
  registry: Registry,
  source: ImageSource,
  validFor: (path: string) => z.output<typeof fileImageRequest>,
  reading: () => Reading,
): Promise<ReadFile> {
  const { word } = source
  const file = await openImageFile(word, source)
  const close = () => closeImageFile(file)
  try {
    const { watcher } = reading()
    const warnings: string[] = []
    const warn = (text: string) => void warnings.push(text)
    const valid = validFor(word)
    const { image, accepted } = await acceptNamed({ ...registry, warn }, file, valid, watcher)
    if (valid.storage_id !== undefined) await storagesOf(registry.database.knex, localUri(file.path), valid.storage_id)
    const read = await readFile(file, image, accepted, watcher, reading().hashing)
    const store = async () => {
      for (const warning of warnings) registry.warn(warning)
      // It may have waited for files before it.
      await requireUnchanged(file)
      return storeFileImage(registry, accepted, image.fileFormat, read)
    }
    return { word, store, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function stored(read: ReadFile): Promise<Registered> {
  if ('error' in read) throw read.error
  return read.store()
}

async function closeRead(read: ReadFile): Promise<void> {
  if ('close' in read) await read.close?.()
}
