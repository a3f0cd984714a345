import { VdcError } from '../../core/errors.ts'
import { CHANGED, type ImageFile } from '../file/image-file.ts'
import { inspectImage } from '../inspect/inspect-image.ts'
import type { Inspection } from '../inspect/inspection.ts'
import type { Watcher } from '../watcher.ts'
import { withUnpackedFile } from './unpacked.ts'

/**
 * Unpacks a packed image, which was inspected, once more for `work`. What comes out
 * this time is inspected as well: somebody may have changed the packed file meanwhile,
 * without any trace in its times if it is in memory, and qemu-img opens what an image
 * refers to.
 *
 * @param inspection of the packed image.
 * @throws VdcError FILE_REFUSED, without the file's name; FILE_NOT_WRITTEN.
 */
export async function withUnpackedImage<T>(
  packed: ImageFile,
  inspection: Inspection,
  watcher: Watcher,
  work: (image: ImageFile) => Promise<T>,
): Promise<T> {
  return withUnpackedFile(packed, inspection.size, watcher, async (image) => {
    // Nothing in a raw disk is looked at by qemu-img.
    if (inspection.fileFormat !== 'raw') await requireSame(image, inspection, watcher)
    return work(image)
  })
}

/**
 * Inspects the bytes of an image that were read again, which may be others than were inspected before.
 *
 * @throws VdcError FILE_REFUSED, without the file's name.
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

/** The refusal of an image that is not what was inspected any more; goes on after its name. */
export function changed(): VdcError {
  return new VdcError('FILE_REFUSED', CHANGED.why, { hint: CHANGED.hint })
}
