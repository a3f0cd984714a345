import { CHANGED, type ImageFile, isUntouched, requireUnchanged } from '../file/image-file.ts'
import { isInUse } from '../qemu/qemu-checks.ts'
import { HANDED_OVER, IN_USE, reasonIn, runQemuImg, wholeDiskLimits } from '../qemu/qemu-img.ts'
import { qemuProgress } from '../qemu/qemu-progress.ts'
import { withUnpackedImage } from '../unpack/unpack-again.ts'
import type { Watcher } from '../watcher.ts'
import { refusalsOf, unpackedFirst } from './catch-refusals.ts'
import { FILE, type Inspection, namingFile, requireAcceptable } from './inspection.ts'
import type { Refusal } from './refusal.ts'

const SECTOR = 512

/** Seconds of processor time that are allowed whatever the size of the file. */
const BASE_SECONDS = 120
const HINT = `Omit --thorough, or convert the image, which has a higher limit: vdc-manage image convert ${FILE} OUT.qcow2 --to qcow2`

/**
 * Reads the whole disk of an accepted image with qemu-img, and writes nothing. Finds
 * data that cannot be read or decompressed, which `qemu-img check` does not read. Holes
 * take no time.
 *
 * A packed image is unpacked again, unless it is a raw disk, which was read to its end
 * when it was inspected.
 *
 * @param watcher can cancel it, and gets the progress `Reading`.
 * @throws VdcError FILE_REFUSED, with the name of the file and the first byte of the
 *   disk that cannot be read; QEMU_IMG_FAILED, FILE_NOT_WRITTEN, or the error of the cancellation.
 */
export async function readWholeDisk(file: ImageFile, image: Inspection, watcher: Watcher): Promise<void> {
  const refusals = await refusalsOf(async () => {
    if (image.containerFormat === 'none') return readDisk(file, image, watcher)
    if (image.fileFormat === 'raw') return []
    const found = await withUnpackedImage(file, image, watcher, (inner) => readDisk(inner, image, watcher))
    return found.map(unpackedFirst)
  })
  await requireUnchanged(file)
  requireAcceptable({ ...image, refusals: namingFile(refusals, file.path) }, file.path)
}

async function readDisk(file: ImageFile, image: Inspection, watcher: Watcher): Promise<Refusal[]> {
  const format = image.fileFormat as string
  if (await isInUse(file, format)) return [IN_USE]
  // qemu-img opens files that the headers refer to, so they must still be the inspected ones.
  if (!(await isUntouched(file))) return [CHANGED]
  const size = Math.ceil((image.virtualSize as number) / SECTOR) * SECTOR
  // Not `qemu-img dd` or `compare`: they also read holes, or stop at the first difference.
  const args = ['convert', '-p', '-n', '--target-is-zero', '-f', format]
  args.push('--target-image-opts', HANDED_OVER, `driver=null-co,size=${size}`)
  const limits = wholeDiskLimits(file, 'reading the whole disk', BASE_SECONDS, HINT)
  const { onOutput, end } = qemuProgress(watcher.progress, 'Reading', file.size)
  try {
    const run = await runQemuImg(file, args, limits, watcher.cancellation, { exits: [0, 1], onOutput })
    return run.exitCode === 0 ? [] : [damage(run.stderr, file)]
  } finally {
    end()
  }
}

/** Converts the errors of qemu-img to a refusal. It reads in parallel, so the first bad byte may be reported last. */
function damage(stderr: string, file: ImageFile): Refusal {
  const errors = [...stderr.matchAll(/error while reading (?:block status )?at (?:byte|offset) ([0-9]+): (.*)/g)]
  const [first] = errors
    .map(([, at = '', reason]) => ({ at: BigInt(at), reason }))
    .sort((a, b) => (a.at < b.at ? -1 : 1))
  if (first === undefined) return { why: `is refused: qemu-img cannot read it: ${reasonIn(stderr, file)}` }
  return {
    why: `is damaged: its disk cannot be read at byte ${first.at} (${first.reason})`,
    hint: 'Download or copy the file again',
  }
}
