import { CHANGED, type ImageFile, isUntouched } from '../file/image-file.ts'
import { ENCRYPTED, refersTo } from '../inspect/header-checks.ts'
import { FILE, type Inspection } from '../inspect/inspection.ts'
import type { Refusal } from '../inspect/refusal.ts'
import { hasWriters, isWritableByOthers } from '../remove/open-writers.ts'
import type { Cancellation } from '../watcher.ts'
import { type QemuImageInfo, qemuImageCheck, qemuImageInfo } from './qemu-answers.ts'
import { HANDED_OVER, IN_USE } from './qemu-img.ts'
import { isWrittenByQemu } from './qemu-locks.ts'

const SECTOR = 512
const REPAIR = `qemu-img check -r all may repair a copy of it: cp ${FILE} COPY`

/**
 * Refuses what qemu-img sees otherwise than the headers were read, or sees references in.
 *
 * @param otherVirtualSize that some versions of QEMU go by; what ours goes by counts.
 */
export async function askQemu(
  inspection: Inspection,
  file: ImageFile,
  otherVirtualSize: number | undefined,
  cancellation: Cancellation,
): Promise<Refusal[]> {
  const format = inspection.fileFormat as string
  if (await isInUse(file, format)) return [IN_USE]
  const info = await qemuImageInfo(file, format, cancellation)
  const reference = referenceIn(info)
  if (reference !== undefined) return [refersTo(reference, format)]
  if (info.encrypted) return [ENCRYPTED]
  if (info['format-specific']?.data?.corrupt) return [{ why: 'is marked as corrupt', hint: REPAIR }]
  // qemu-img rounds the size of a raw file up to whole sectors.
  const ours = format === 'raw' ? Math.ceil(inspection.size / SECTOR) * SECTOR : inspection.virtualSize
  if (info['virtual-size'] === otherVirtualSize) inspection.virtualSize = otherVirtualSize
  if (info.format === format && [ours, otherVirtualSize].includes(info['virtual-size'])) return []
  return [
    {
      why: `is unclear: by its header it is ${format} with a disk of ${ours} bytes, for qemu-img ${info.format} with ${info['virtual-size']}`,
    },
  ]
}

/** Says whether somebody writes to an image, or could have qemu-img read something else than what was looked at. */
export async function isInUse(file: ImageFile, format: string): Promise<boolean> {
  return format === 'raw' ? isWrittenByQemu(file) : isWritableByOthers(file) && hasWriters(file)
}

/** Whatever the image names outside itself, for people. */
function referenceIn(info: QemuImageInfo): string | undefined {
  const backing = info['backing-filename'] ?? info['full-backing-filename']
  if (backing !== undefined) return `the backing file ${backing}`
  const specific = info['format-specific']?.data
  if (specific?.['data-file'] !== undefined) return `the external data file ${specific['data-file']}`
  const extent = specific?.extents?.find(({ filename }) => filename !== undefined && filename !== HANDED_OVER)
  return extent && `the extent ${extent.filename}`
}

/** Refuses what `qemu-img check` finds damaged. */
export async function checkWithQemu(
  inspection: Inspection,
  file: ImageFile,
  cancellation: Cancellation,
): Promise<Refusal[]> {
  // It opens what the headers name now, which must still be what was read above.
  if (!(await isUntouched(file))) return [CHANGED]
  const result = await qemuImageCheck(
    file,
    inspection.fileFormat as string,
    inspection.virtualSize as number,
    cancellation,
  )
  if (result === undefined) return []
  const { corruptions, leaks } = result
  if (corruptions > 0) {
    return [
      { why: `is damaged: qemu-img check finds ${corruptions} error${corruptions === 1 ? '' : 's'}`, hint: REPAIR },
    ]
  }
  if (leaks > 0) inspection.warnings.push(`has ${leaks} cluster${leaks === 1 ? '' : 's'} that nothing uses`)
  return []
}
