import * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import type { ImageFile } from '../file/image-file.ts'
import { FILE } from '../inspect/inspection.ts'
import type { Cancellation } from '../watcher.ts'
import { HANDED_OVER, INFO_LIMITS, reasonIn, runQemuImg } from './qemu-img.ts'

/** The keys of `qemu-img info --output=json` that are used; others, and those of later versions, are ignored. */
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

/** What qemu-img says of an image. */
export type QemuImageInfo = z.output<typeof imageInfo>

/** The keys of `qemu-img check --output=json` that are used. */
const checkResult = z.object({
  corruptions: z.optional(z.number()),
  leaks: z.optional(z.number()),
  'check-errors': z.optional(z.number()),
})

/** What qemu-img finds wrong with an image. */
export interface QemuCheck {
  /** Tables that contradict each other, or point nowhere. */
  corruptions: number
  /** Clusters that nothing uses: space, and no harm. */
  leaks: number
}

/**
 * What a check may use, whatever the file says or holds. Measured: 1 s for the
 * tables of 1 TiB in clusters of 64 KiB, and as much for each snapshot of it.
 */
const CHECK_LIMITS = { work: 'qemu-img check', cpu: 60, wall: 600 }
/** Bytes of a disk above which a VMDK isn't checked: it goes through all of it, a grain at a time, and finds no more than our own look. */
const LARGEST_VMDK = 1024 ** 4
/** Formats that `qemu-img check` knows. */
const CHECKED: readonly string[] = ['qcow2', 'qed', 'vdi', 'vmdk', 'vhdx', 'parallels']

/**
 * Asks `qemu-img info` what an open file is.
 *
 * @param format that it is taken for: qemu-img never guesses.
 * @throws VdcError QEMU_IMG_FAILED when it can't be run; FILE_REFUSED, without
 *   the file's name, when it can't make sense of the file within its limits.
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
    throw new VdcError('QEMU_IMG_FAILED', 'qemu-img gave an answer without format and virtual size', {
      cause: info.error,
    })
  return info.data
}

/**
 * Has `qemu-img check` look whether an image is whole. It opens what the image
 * refers to, so that must be ruled out before.
 *
 * @param virtualSize bytes of the disk.
 * @returns undefined for a format that it can't check.
 * @throws VdcError as `qemuImageInfo`; FILE_REFUSED also when it can't finish.
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
  // 2 and 3: corruptions, leaks.
  const { stdout, stderr } = await runQemuImg(file, args, limits, cancellation, { exits: [0, 2, 3] })
  const result = checkResult.safeParse(parseJson(stdout))
  if (!result.success)
    throw new VdcError('QEMU_IMG_FAILED', 'qemu-img gave an answer that tells nothing of its check', {
      cause: result.error,
    })
  const { corruptions = 0, leaks = 0, 'check-errors': errors = 0 } = result.data
  if (errors > 0) throw new VdcError('FILE_REFUSED', `is refused: qemu-img cannot check it: ${reasonIn(stderr, file)}`)
  return { corruptions, leaks }
}

/** The hint that makes an image with shorter tables. */
function withLargerClusters(format: string): string {
  return `Make an image with larger clusters of it: qemu-img convert -f ${format} -O qcow2 -o cluster_size=2M ${FILE} OUT.qcow2`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new VdcError('QEMU_IMG_FAILED', 'qemu-img gave an answer that is no JSON', { cause: error })
  }
}
