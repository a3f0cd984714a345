import * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import type { ImageFile } from '../file/image-file.ts'
import { FILE } from '../inspect/inspection.ts'
import type { Cancellation } from '../watcher.ts'
import { HANDED_OVER, INFO_LIMITS, reasonIn, runQemuImg } from './qemu-img.ts'

/** The keys of `qemu-img info --output=json` that are used. All others are ignored. */
const imageInfo = z.object({
  format: z.string(),
  'virtual-size': z.number(),
  encrypted: z.optional(z.boolean()),
  'backing-filename': z.optional(z.string()),
  'full-backing-filename': z.optional(z.string()),
  'format-specific': z.optional(
    z.object({
      data: z.optional(
        z.object({
          corrupt: z.optional(z.boolean()),
          'data-file': z.optional(z.string()),
          extents: z.optional(z.array(z.object({ filename: z.optional(z.string()) }))),
        }),
      ),
    }),
  ),
})

/** The result of `qemu-img info` for an image. */
export type QemuImageInfo = z.output<typeof imageInfo>

/** The keys of `qemu-img check --output=json` that are used. */
const checkResult = z.object({
  corruptions: z.optional(z.number()),
  leaks: z.optional(z.number()),
  'check-errors': z.optional(z.number()),
})

/** The result of `qemu-img check` for an image. */
export interface QemuCheck {
  /** Tables that contradict each other, or point to invalid offsets. */
  corruptions: number
  /** Clusters that are not used. They waste space but are harmless. */
  leaks: number
}

/**
 * Limits of a check, regardless of the file. Measured: 1 s for the tables of 1 TiB in
 * clusters of 64 KiB, and the same again for each of its snapshots.
 */
const CHECK_LIMITS = { work: 'qemu-img check', cpu: 60, wall: 600 }
/** Bytes of the largest virtual size of a VMDK that is checked: the check reads every grain, and finds no more than our own. */
const LARGEST_VMDK = 1024 ** 4
/** Formats that `qemu-img check` supports. */
const CHECKED: readonly string[] = ['qcow2', 'qed', 'vdi', 'vmdk', 'vhdx', 'parallels']

/**
 * Runs `qemu-img info` on an open file.
 *
 * @param format of the file, so that qemu-img does not guess it.
 * @throws VdcError QEMU_IMG_FAILED if qemu-img cannot be run; FILE_REFUSED, without the
 *   file's name, if it cannot read the file within its limits.
 */
export async function qemuImageInfo(
  file: ImageFile,
  format: string,
  cancellation: Cancellation,
): Promise<QemuImageInfo> {
  const { stdout } = await runQemuImg(
    file,
    ['info', '--output=json', '-f', format, HANDED_OVER],
    INFO_LIMITS,
    cancellation,
  )
  const info = imageInfo.safeParse(parseJson(stdout))
  if (!info.success)
    throw new VdcError('QEMU_IMG_FAILED', 'The output of qemu-img info lacks the format or the virtual size', {
      cause: info.error,
    })
  return info.data
}

/**
 * Checks an image for damage with `qemu-img check`. It opens files that the image refers to,
 * so make sure first that there are none.
 *
 * @param virtualSize bytes of the disk.
 * @returns undefined for a format that qemu-img cannot check.
 * @throws VdcError as `qemuImageInfo`; FILE_REFUSED also if the check cannot finish.
 */
export async function qemuImageCheck(
  file: ImageFile,
  format: string,
  virtualSize: number,
  cancellation: Cancellation,
): Promise<QemuCheck | undefined> {
  if (!CHECKED.includes(format) || (format === 'vmdk' && virtualSize > LARGEST_VMDK)) return undefined
  const limits = { ...CHECK_LIMITS, hint: withLargerClusters(format) }
  const args = ['check', '--output=json', '-f', format, HANDED_OVER]
  // Exit codes: 2 for corruptions, 3 for leaks.
  const { stdout, stderr } = await runQemuImg(file, args, limits, cancellation, { exits: [0, 2, 3] })
  const result = checkResult.safeParse(parseJson(stdout))
  if (!result.success)
    throw new VdcError('QEMU_IMG_FAILED', 'The output of qemu-img check has no result', {
      cause: result.error,
    })
  const { corruptions = 0, leaks = 0, 'check-errors': errors = 0 } = result.data
  if (errors > 0) throw new VdcError('FILE_REFUSED', `is refused: qemu-img cannot check it: ${reasonIn(stderr, file)}`)
  return { corruptions, leaks }
}

/** Returns the hint how to convert an image to one with smaller tables. */
function withLargerClusters(format: string): string {
  return `Convert it to an image with larger clusters: qemu-img convert -f ${format} -O qcow2 -o cluster_size=2M ${FILE} OUT.qcow2`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new VdcError('QEMU_IMG_FAILED', 'The output of qemu-img is not valid JSON', { cause: error })
  }
}
