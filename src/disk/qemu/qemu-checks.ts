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
const REPAIR = `Try to repair a copy: cp ${FILE} COPY, then qemu-img check -r all COPY`

/**
 * Returns refusals if `qemu-img info` disagrees with our reading of the headers, or finds
 * references to other files, encryption or damage.
 *
 * @param otherVirtualSize the virtual size according to some versions of QEMU. If the
 *   installed one reports it, `inspection` is changed to it.
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
      why: `is unclear: its header describes ${format} with a disk of ${ours} bytes, but qemu-img reports ${info.format} with ${info['virtual-size']}`,
    },
  ]
}

/** Returns true if a process is writing to an image, or could change its headers before qemu-img reads them. */
export async function isInUse(file: ImageFile, format: string): Promise<boolean> {
  return format === 'raw' ? isWrittenByQemu(file) : isWritableByOthers(file) && hasWriters(file)
}

/** Returns a description of a file that the image refers to; undefined if there is none. */
function referenceIn(info: QemuImageInfo): string | undefined {
  const backing = info['backing-filename'] ?? info['full-backing-filename']
  if (backing !== undefined) return `the backing file ${backing}`
  const specific = info['format-specific']?.data
  if (specific?.['data-file'] !== undefined) return `the external data file ${specific['data-file']}`
  const extent = specific?.extents?.find(({ filename }) => filename !== undefined && filename !== HANDED_OVER)
  return extent && `the extent ${extent.filename}`
}

/** Returns refusals if `qemu-img check` finds damage. Adds warnings to `inspection`. */
export async function checkWithQemu(
  inspection: Inspection,
  file: ImageFile,
  cancellation: Cancellation,
): Promise<Refusal[]> {
  // qemu-img opens files that the headers name, so the headers must be unchanged since they were inspected.
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
  if (leaks > 0) inspection.warnings.push(`has ${leaks} unused cluster${leaks === 1 ? '' : 's'}`)
  return []
}
