import { VdcError } from '../errors.ts'
import { FILE_FORMATS } from './formats.ts'
import type { ImageFile } from './image-file.ts'
import { HANDED_OVER, type QemuImageInfo, qemuImageInfo } from './qemu-img.ts'
import { refuseBySignature } from './signatures.ts'

/** Bytes below which nothing can be a disk image. */
const SECTOR = 512

/** What a disk image file holds. */
export interface ImageContents {
  /** One of FILE_FORMATS. */
  format: string
  /** Bytes of the disk that it is an image of. */
  virtualSize: number
}

/**
 * Finds out what a disk image file is and whether it may be registered.
 *
 * @param declared the format that the operator says it has, if any.
 * @throws VdcError FILE_REFUSED for what is no disk image, can't boot, is
 *   damaged, refers to other files, or isn't what was declared;
 *   QEMU_IMG_FAILED when qemu-img can't be run.
 */
export async function inspectImage(file: ImageFile, declared: string | undefined): Promise<ImageContents> {
  const refuse = (why: string, hint?: string) => new VdcError('FILE_REFUSED', `The file ${file.path} ${why}`, { hint })
  await refuseBySignature(file)
  if (file.size < SECTOR) throw refuse(`is too short for a disk image: ${file.size} bytes`)
  const info = await qemuImageInfo(file)

  const reference = referenceIn(info)
  if (reference !== undefined) {
    throw refuse(
      `refers to ${reference}, and an image must be whole in itself`,
      `Make one file of it: qemu-img convert -O qcow2 ${file.path} OUT.qcow2`,
    )
  }
  if (info.encrypted || info.format === 'luks') throw refuse('is encrypted: no instance could boot it')
  if (info['format-specific']?.data?.corrupt)
    throw refuse('is marked as corrupt', `qemu-img check -r all ${file.path} may repair it`)
  if (!FILE_FORMATS.some((format) => format === info.format)) {
    throw refuse(
      `is in the format ${info.format}, which instances can not use`,
      `Convert it: qemu-img convert -O qcow2 ${file.path} OUT.qcow2`,
    )
  }
  if (declared !== undefined && declared !== info.format) throw refuse(`is ${info.format}, not ${declared} as declared`)
  // qemu-img rounds the size of a raw file up to whole sectors.
  const virtualSize = info.format === 'raw' ? file.size : info['virtual-size']
  if (virtualSize === 0) throw refuse('holds a disk of 0 bytes')
  return { format: info.format, virtualSize }
}

/** Whatever the image names outside itself, for people. */
function referenceIn(info: QemuImageInfo): string | undefined {
  const backing = info['backing-filename'] ?? info['full-backing-filename']
  if (backing !== undefined) return `the backing file ${backing}`
  const specific = info['format-specific']?.data
  if (specific?.['data-file'] !== undefined) return `the data file ${specific['data-file']}`
  const extent = specific?.extents?.find(({ filename }) => filename !== undefined && filename !== HANDED_OVER)
  return extent && `the extent ${extent.filename}`
}
