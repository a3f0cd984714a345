import { VdcError } from '../../core/errors.ts'
import { type ImageFile, imageFileOf } from '../file/image-file.ts'
import { withWorkFolder } from '../folder/work-folder.ts'
import type { TargetFormat } from '../inspect/file-formats.ts'
import { inspectImage } from '../inspect/inspect-image.ts'
import { HANDED_OVER, INFO_LIMITS, runQemuImg } from '../qemu/qemu-img.ts'
import { holding } from '../remove/held.ts'
import type { Watcher } from '../watcher.ts'
import { MadeImage } from './made-image.ts'
import type { OutputPlace } from './output-place.ts'
import { newWorkFile } from './work-file.ts'

/** What is done with an empty disk image. */
export interface EmptyImageSteps<T> {
  /** Fills it, before it is inspected. */
  fill(image: ImageFile): Promise<void>
  /** Uses the result, which is removed unless this moves it into place. */
  use(made: MadeImage): Promise<T>
}

/**
 * Makes an empty disk image in a work folder beside its place. It stays open until `use` ends, and is removed unless
 * `use` moves it into place.
 *
 * @param size bytes of the disk.
 * @returns the result of `use`.
 * @throws VdcError FILE_REFUSED if `fill` does not leave a valid image; FILE_NOT_WRITTEN, QEMU_IMG_FAILED; the error
 *   of the cancellation; errors of the steps.
 */
export async function withEmptyImage<T>(
  place: OutputPlace,
  { format, size }: { format: TargetFormat; size: number },
  watcher: Watcher,
  { fill, use }: EmptyImageSteps<T>,
): Promise<T> {
  return withWorkFolder(place, async (folder) => {
    const { path, handle } = await newWorkFile(folder, place)
    return holding(handle, async () => {
      const opened = await handle.stat({ bigint: true })
      const args = ['create', '-q', '-f', format, HANDED_OVER, String(size)]
      await runQemuImg({ path: place.path, handle, size: 0, opened }, args, INFO_LIMITS, watcher.cancellation)
      await fill({ ...(await imageFileOf(place.path, handle)), liesAt: path })
      const made = { ...(await imageFileOf(place.path, handle)), liesAt: path }
      const inspection = await inspectImage(made, { format, maxSize: Number.MAX_SAFE_INTEGER }, watcher)
      const why = inspection.refusals[0]?.why
      if (why !== undefined)
        throw new VdcError('FILE_REFUSED', `The new image ${place.path} was deleted because it ${why}`)
      // Users who can read the folder may read what has no secrets yet.
      return use(new MadeImage(made, inspection, place, folder, 0o666 & ~process.umask()))
    })
  })
}
