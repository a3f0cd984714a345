import { constants } from 'node:fs'
import { copyFile, type FileHandle } from 'node:fs/promises'
import { VdcError } from '../errors.ts'
import { heldPath, holding } from './held.ts'
import { type ImageFile, imageFileOf, isUnchanged } from './image-file.ts'
import type { Inspection } from './inspection.ts'
import { openNamelessIn } from './nameless-file.ts'
import type { PrivateFolder } from './private-folder.ts'
import { IN_USE } from './qemu-img.ts'
import { changed, requireSame, withUnpackedImage } from './unpack-again.ts'
import type { Watcher } from './watcher.ts'
import { hasWriters, isWritableByOthers } from './writers.ts'
import { isZero } from './zeros.ts'

const CHUNK = 1024 * 1024

/**
 * Hands an image to `work` for qemu-img to convert. If its headers could name
 * other files and somebody else could change them, it is copied first, into a file
 * without a name that only we can change; what is packed is unpacked into one. Its
 * bytes are inspected there (docs/decisions/0011).
 *
 * @param inspection of the image.
 * @param folder where the copy is made.
 * @throws VdcError FILE_REFUSED, without the file's name; FILE_NOT_WRITTEN; Error of the
 *   system if the copy cannot be written.
 */
export async function withSafeSource(
  file: ImageFile,
  inspection: Inspection,
  folder: PrivateFolder,
  watcher: Watcher,
  work: (source: ImageFile) => Promise<void>,
): Promise<void> {
  if (inspection.containerFormat !== 'none') return withUnpackedImage(file, inspection, watcher, work)
  // Nothing in a raw disk is looked at by qemu-img.
  if (inspection.fileFormat === 'raw' || !isWritableByOthers(file)) return work(file)
  await holding(await openNamelessIn(folder.path), async (handle) => {
    await copy(file, handle, watcher)
    if (!(await isUnchanged(file))) throw changed()
    const source = await imageFileOf(file.path, handle)
    await requireSame(source, inspection, watcher)
    await work(source)
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
    for (let at = 0; at < file.size; ) {
      watcher.cancellation.throwIfRequested()
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, file.size - at))
      const { bytesRead } = await file.handle.read(buffer, 0, buffer.length, at).catch((error: Error) => {
        throw new VdcError('FILE_REFUSED', `can not be read: ${error.message}`, { cause: error })
      })
      if (bytesRead === 0) break
      const bytes = buffer.subarray(0, bytesRead)
      if (!isZero(bytes)) {
        await writeAll(into, bytes, at)
      }
      at += bytesRead
      task.advance(bytesRead)
    }
    await into.truncate(file.size)
  } finally {
    task.end()
  }
}

async function writeAll(into: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await into.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}
