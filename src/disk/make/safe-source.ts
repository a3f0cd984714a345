import { constants } from 'node:fs'
import { copyFile, type FileHandle } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { chunksOf } from '../file/chunks.ts'
import { type ImageFile, imageFileOf, isUnchanged } from '../file/image-file.ts'
import { openNamelessIn } from '../file/temporary-file.ts'
import type { PrivateFolder } from '../folder/private-folder.ts'
import type { Inspection } from '../inspect/inspection.ts'
import { IN_USE } from '../qemu/qemu-img.ts'
import { heldPath, holding } from '../remove/held.ts'
import { hasWriters, isWritableByOthers } from '../remove/open-writers.ts'
import { changed, requireSame, withUnpackedImage } from '../unpack/unpack-again.ts'
import type { Watcher } from '../watcher.ts'
import { writeSparsely } from './reserve.ts'

/**
 * Passes an image to `work`, to be converted by qemu-img. The image is copied first, into a file
 * without a name that only this user can change, if another user could change it, and its headers
 * could name other files or its contents are to be checked. A packed image is unpacked into such
 * a file, unless the image that was inspected was kept. The copy is inspected (docs/decisions/0011).
 *
 * @param folder folder for the copy.
 * @param requireContents checks the bytes of the file that is used, still packed.
 * @throws VdcError FILE_REFUSED, without the file's name; FILE_NOT_WRITTEN; Error of the
 *   system if the copy cannot be written; errors of `requireContents` and `work`.
 */
export async function withSafeSource(
  file: ImageFile,
  inspection: Inspection,
  folder: PrivateFolder,
  watcher: Watcher,
  work: (source: ImageFile) => Promise<void>,
  requireContents?: (source: ImageFile) => Promise<void>,
): Promise<void> {
  const isPacked = inspection.containerFormat !== 'none'
  // qemu-img doesn't interpret the contents of a raw disk.
  const hasHeaders = !isPacked && inspection.fileFormat !== 'raw'
  const use = async (source: ImageFile) => {
    await requireContents?.(source)
    if (!isPacked) return work(source)
    // A copy was made because the file could have changed since it was unpacked.
    if (file.unpacked !== undefined && source === file) return work(file.unpacked)
    return withUnpackedImage(source, inspection, watcher, work)
  }
  if (!isWritableByOthers(file) || !(hasHeaders || requireContents)) return use(file)
  await holding(await openNamelessIn(folder.path), async (handle) => {
    await copy(file, handle, watcher)
    if (!(await isUnchanged(file))) throw changed()
    const source = { ...(await imageFileOf(file.path, handle)), isNameless: true }
    if (hasHeaders) await requireSame(source, inspection, watcher)
    await use(source)
  })
}

/**
 * Refuses an image that a process has open for writing: writes through a mapping don't change its times.
 *
 * @throws VdcError FILE_REFUSED.
 */
export function requireNoWriters(file: ImageFile): void {
  if (hasWriters(file)) throw new VdcError('FILE_REFUSED', `The file ${file.path} ${IN_USE.why}`, { hint: IN_USE.hint })
}

/**
 * Copies a file, sharing its blocks if the filesystem supports that. Holes stay holes. The copy
 * needs no more space than the file, on the filesystem of the result, so there is no `Reserve`.
 */
async function copy(file: ImageFile, into: FileHandle, watcher: Watcher): Promise<void> {
  try {
    await copyFile(heldPath(file.handle), heldPath(into), constants.COPYFILE_FICLONE_FORCE)
    // The copy has the mode of the source.
    await into.chmod(0o600)
    return
  } catch {
    // Most filesystems cannot share blocks.
  }
  const task = watcher.progress.begin('Copying', file.size)
  try {
    let at = 0
    for await (const bytes of chunksOf(file, watcher, () => {})) {
      await writeSparsely(into, bytes, at)
      at += bytes.length
      task.advance(bytes.length)
      // Another program may append to the file as fast as it is read. Such a file is refused later.
      if (at >= file.size) break
    }
    await into.truncate(file.size)
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException
    if (syscall !== 'read') throw error
    throw new VdcError('FILE_REFUSED', `cannot be read: ${message}`, { cause: error })
  } finally {
    task.end()
  }
}
