import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { chunksOf } from '../file/chunks.ts'
import { type ImageFile, imageFileOf, requireUnchanged, unreadable } from '../file/image-file.ts'
import { notWritten } from '../file/write-error.ts'
import { withWorkFolder } from '../folder/work-folder.ts'
import { hashImageFile } from '../hash/checksums.ts'
import type { Checksums } from '../hash/hashed.ts'
import { inspectImage } from '../inspect/inspect-image.ts'
import type { Inspection } from '../inspect/inspection.ts'
import { holding } from '../remove/held.ts'
import type { Watcher } from '../watcher.ts'
import { MadeImage } from './made-image.ts'
import type { OutputPlace } from './output-place.ts'
import { writeSparsely } from './reserve.ts'
import { withSafeSource } from './safe-source.ts'
import { newWorkFile } from './work-file.ts'

/** What is done within a copy, beside copying. */
export interface CopySteps<T> {
  /** Checks the checksums of the source. */
  requireChecksums(source: Checksums): void
  /** Uses the copy and its checksums. It is removed unless this moves it into place. */
  use(made: MadeImage, checksums: Checksums): Promise<T>
}

/**
 * Copies an inspected image. The copy is made in a work folder beside its place, and inspected there.
 *
 * @param options.unpack unpack a packed image.
 * @returns the result of `use`.
 * @throws VdcError FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN; the error of the cancellation; errors of the steps.
 */
export async function copyImage<T>(
  file: ImageFile,
  inspection: Inspection,
  place: OutputPlace,
  { unpack }: { unpack: boolean },
  watcher: Watcher,
  { requireChecksums, use }: CopySteps<T>,
): Promise<T> {
  return withWorkFolder(place, async (folder) => {
    const { path, handle } = await newWorkFile(folder, place)
    return holding(handle, async () => {
      const requireContents = async (source: ImageFile) => requireChecksums(await hashImageFile(source, watcher))
      let checksums: Checksums | undefined
      const copy = async (source: ImageFile) => {
        checksums = await copyBytes(source, handle, place, watcher)
      }
      if (unpack && inspection.containerFormat !== 'none')
        await withSafeSource(file, inspection, folder, watcher, copy, requireContents).catch((error) => {
          throw named(error, file, place)
        })
      else {
        await copy(file)
        requireChecksums(checksums as Checksums)
      }
      await requireUnchanged(file)
      const made = { ...(await imageFileOf(place.path, handle)), liesAt: path }
      const format = inspection.fileFormat
      const result = await inspectImage(made, { format, maxSize: Number.MAX_SAFE_INTEGER, prefersVhd: true }, watcher)
      const why = result.refusals[0]?.why
      if (why !== undefined)
        throw new VdcError('FILE_REFUSED', `The copy of ${file.path} was deleted because it ${why}`)
      return use(new MadeImage(made, result, place, folder, Number(file.opened.mode)), checksums as Checksums)
    })
  })
}

/** Copies and hashes bytes. Holes stay holes. */
async function copyBytes(from: ImageFile, into: FileHandle, place: OutputPlace, watcher: Watcher): Promise<Checksums> {
  const md5 = createHash('md5')
  const sha256 = createHash('sha256')
  const task = watcher.progress.begin('Copying', from.size)
  let at = 0
  try {
    for await (const bytes of chunksOf(from, watcher, (count) => task.advance(count))) {
      md5.update(bytes)
      sha256.update(bytes)
      await writeSparsely(into, bytes, at)
      at += bytes.length
      // Another program may append to the file as fast as it is read. Such a file is refused later.
      if (at > from.size) break
    }
    await into.truncate(at)
    return { md5: md5.digest('hex'), sha256: sha256.digest('hex') }
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException
    if (syscall === undefined) throw error
    throw syscall === 'read' ? unreadable(from, message, error) : notWritten(place.path, error)
  } finally {
    task.end()
  }
}

/** Adds the name of the file to an error of `withSafeSource`. */
function named(error: unknown, file: ImageFile, place: OutputPlace): unknown {
  if (!(error instanceof VdcError))
    return (error as NodeJS.ErrnoException).syscall === undefined ? error : notWritten(place.path, error)
  if (error.code !== 'FILE_REFUSED' || error.message.includes(file.path)) return error
  return new VdcError('FILE_REFUSED', `The file ${file.path} ${error.message}`, { hint: error.hint, cause: error })
}
