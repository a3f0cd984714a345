import { readlink } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { closeImageFile, type ImageFile, openImageFile } from '../file/image-file.ts'
import { realPathOf } from '../file/real-path.ts'
import { heldPath } from '../remove/held.ts'
import type { ImageFolders } from './image-folders.ts'

/** The cause of the error for a file that is not in an image folder of this host. */
export class OutsideImageFolders extends Error {}

/**
 * Opens a file that a row names, if it is in an image folder of this host.
 *
 * @param path absolute. Links are followed; `..` is refused.
 * @throws VdcError FILE_REFUSED, with an `OutsideImageFolders` as its cause if the file is elsewhere.
 */
export async function openInImageFolder(path: string, folders: ImageFolders): Promise<ImageFile> {
  const require = (real: string) => {
    const why = folders.whyNot(real)
    if (why !== undefined) throw refused(path, why)
  }
  if (path.split('/').includes('..')) throw refused(path, "its path contains '..'")
  // Checked before the file is opened, so that the error does not reveal whether a file elsewhere exists.
  const real = await realPathOf(path).catch(() => undefined)
  if (real !== undefined) require(real)
  const file = await openImageFile(path)
  try {
    // Check again, because a link may have replaced it since.
    require(await readlink(heldPath(file.handle)))
    return file
  } catch (error) {
    await closeImageFile(file)
    throw error
  }
}

function refused(path: string, why: string): VdcError {
  return new VdcError('FILE_REFUSED', `The file ${path} was not read: ${why}`, { cause: new OutsideImageFolders(why) })
}
