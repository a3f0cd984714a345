import { VdcError } from '../../core/errors.ts'
import { CHANGED, type ImageFile } from '../file/image-file.ts'
import { inspectImage } from '../inspect/inspect-image.ts'
import type { Inspection } from '../inspect/inspection.ts'
import type { Watcher } from '../watcher.ts'
import { withUnpackedFile } from './unpacked.ts'

/**
 * Unpacks an inspected image again, for `work`. The result is inspected again too: the
 * packed file may have changed meanwhile, which its times may not show if it is in memory,
 * and qemu-img opens the files that an image refers to.
 *
 * @param inspection of the packed image.
 * @throws VdcError FILE_REFUSED, without the name of the file, if it changed;
 *   FILE_NOT_WRITTEN if it cannot be unpacked; the errors of `work`.
 */
export async function withUnpackedImage<T>(
  packed: ImageFile,
  inspection: Inspection,
  watcher: Watcher,
  work: (image: ImageFile) => Promise<T>,
): Promise<T> {
  return withUnpackedFile(packed, inspection.size, watcher, async (image) => {
    // qemu-img interprets nothing in a raw disk.
    if (inspection.fileFormat !== 'raw') await requireSame(image, inspection, watcher)
    return work(image)
  })
}

/**
 * Requires that an image that was read again still matches its earlier inspection.
 *
 * @throws VdcError FILE_REFUSED, without the name of the file, if it does not.
 */
export async function requireSame(
  image: ImageFile,
  { fileFormat, size, virtualSize }: Inspection,
  watcher: Watcher,
): Promise<void> {
  const again = await inspectImage(
    image,
    { format: fileFormat, maxSize: Number.MAX_SAFE_INTEGER, unpackedSize: size, prefersVhd: true },
    watcher,
  )
  const isSame =
    again.refusals.length === 0 &&
    again.containerFormat === 'none' &&
    again.fileFormat === fileFormat &&
    again.virtualSize === virtualSize
  if (!isSame) throw changed()
}

/** Returns the refusal of an image that changed after it was inspected, without the name of the file. */
export function changed(): VdcError {
  return new VdcError('FILE_REFUSED', CHANGED.why, { hint: CHANGED.hint })
}
