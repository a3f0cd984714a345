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
 * Hands an image to `work` for qemu-img to convert. If somebody else could change it, and
 * its headers could name other files or its contents were asked for, it is copied first,
 * into a file without a name that only we can change; what is packed is unpacked into one.
 * Its bytes are inspected there (docs/decisions/0011).
 *
 * @param inspection of the image.
 * @param folder where the copy is made.
 * @param requireContents looks at the bytes of the file that are used, packed as they are.
 * @throws VdcError FILE_REFUSED, without the file's name; FILE_NOT_WRITTEN; Error of the
 *   system if the copy cannot be written; what `requireContents` throws.
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
  // Nothing in a raw disk is looked at by qemu-img.
  const hasHeaders = !isPacked && inspection.fileFormat !== 'raw'
  const use = async (source: ImageFile) => {
    await requireContents?.(source)
    return isPacked ? withUnpackedImage(source, inspection, watcher, work) : work(source)
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
 * Refuses an image that is being written to: a mapping leaves no trace in its times.
 *
 * @throws VdcError FILE_REFUSED.
 */
export function requireNoWriters(file: ImageFile): void {
  if (hasWriters(file)) throw new VdcError('FILE_REFUSED', `The file ${file.path} ${IN_USE.why}`, { hint: IN_USE.hint })
}

/**
 * Copies a file, sharing its blocks if the filesystem can do that; holes stay holes. It takes
 * no more room than the file has, on the filesystem of the result: so no reserve is kept there.
 */
async function copy(file: ImageFile, into: FileHandle, watcher: Watcher): Promise<void> {
  try {
    await copyFile(heldPath(file.handle), heldPath(into), constants.COPYFILE_FICLONE_FORCE)
    // It has taken the mode over.
    await into.chmod(0o600)
    return
  } catch {
    // Most filesystems cannot.
  }
  const task = watcher.progress.begin('Copying', file.size)
  try {
    let at = 0
    for await (const bytes of chunksOf(file, watcher, () => {})) {
      await writeSparsely(into, bytes, at)
      at += bytes.length
      task.advance(bytes.length)
      // Somebody may add to it as fast as it is read; then it is refused.
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
