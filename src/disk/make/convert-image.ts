import { constants } from 'node:fs'
import { access, type FileHandle, lstat, open } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { type ImageFile, imageFileOf, requireUnchanged } from '../file/image-file.ts'
import { notWritten } from '../file/write-error.ts'
import { withWorkFolder } from '../folder/work-folder.ts'
import { endingOf, type TargetFormat } from '../inspect/file-formats.ts'
import { inspectImage } from '../inspect/inspect-image.ts'
import type { Inspection } from '../inspect/inspection.ts'
import { HANDED_OVER, runQemuImg, TARGET_FOLDER, wholeDiskLimits } from '../qemu/qemu-img.ts'
import { qemuProgress } from '../qemu/qemu-progress.ts'
import { heldPath, holding, NEW_FILE } from '../remove/held.ts'
import type { Watcher } from '../watcher.ts'
import { MadeImage } from './made-image.ts'
import { exists, type OutputPlace, withOutputPlace } from './output-place.ts'
import { requireNoWriters, withSafeSource } from './safe-source.ts'

/** What QEMU must be told to keep the disk's size to the byte. */
const EXACTLY: Partial<Record<TargetFormat, readonly string[]>> = { vpc: ['-o', 'force_size=on'] }

/** Those that can be written compressed, and how. */
const COMPRESSED: Partial<Record<TargetFormat, readonly string[]>> = {
  qcow2: ['-c'],
  vmdk: ['-c', '-o', 'subformat=streamOptimized'],
}

const SECTOR = 512
/** Seconds of processor time that are allowed whatever is stored: twice what 64 TiB of an empty VHDX take. */
const BASE_SECONDS = 3600
const HINT = 'If you trust the image, convert it with qemu-img itself'

/** How a file is to be converted. */
export interface Conversion {
  to: TargetFormat
  compress: boolean
}

/**
 * Opens the place of a conversion's result for `work`, after making sure that the
 * conversion can end well.
 *
 * @param out path that the result is to have.
 * @throws VdcError FILE_EXISTS, VALUE_REFUSED, FILE_NOT_WRITTEN; what `work` throws.
 */
export async function withConvertible<T>(
  out: string,
  { to, compress }: Conversion,
  work: (place: OutputPlace) => Promise<T>,
): Promise<T> {
  if (compress && COMPRESSED[to] === undefined) {
    throw new VdcError('VALUE_REFUSED', `${to} cannot be compressed`, {
      hint: `--compress goes with ${Object.keys(COMPRESSED).join(' and ')}`,
    })
  }
  const named = endingOf(out)
  if (named !== undefined && !named.formats.includes(to))
    throw new VdcError('VALUE_REFUSED', `${out} is called .${named.ending}, and would be ${to}`)
  // Node has lost the bytes of such a name.
  if (out.includes('\ufffd')) throw new VdcError('VALUE_REFUSED', `${out} is not UTF-8`)
  return withOutputPlace(out, async (place) => {
    const there = await lstat(`${heldPath(place.folder)}/${place.name}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || out.endsWith('/')) throw notWritten(out, error)
    })
    if (there?.isDirectory())
      throw new VdcError('FILE_EXISTS', `${place.path} is a folder`, { hint: 'Name the file that is to be made in it' })
    if (there !== undefined) throw exists(place.path)
    return work(place)
  })
}

/**
 * Converts an image that was inspected. The result is made in a folder of its own
 * beside its place and inspected. It is open from the moment it is made until `use`
 * ends, and goes away unless that puts it into place: no half of it is ever seen.
 *
 * @param requireContents looks at the bytes of the source that are converted.
 * @returns what `use` returns.
 * @throws VdcError FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN, QEMU_IMG_FAILED, what
 *   the cancellation throws, or what `use` or `requireContents` throws.
 */
export async function convertImage<T>(
  file: ImageFile,
  inspection: Inspection,
  place: OutputPlace,
  conversion: Conversion,
  watcher: Watcher,
  use: (made: MadeImage) => Promise<T>,
  requireContents?: (source: ImageFile) => Promise<void>,
): Promise<T> {
  return withWorkFolder(place, async (folder) => {
    const path = `${folder.path}/${place.name}`
    // Made before qemu-img writes to it, so that there is one descriptor from the start.
    const handle = await open(path, NEW_FILE, 0o600).catch((error) => {
      throw notWritten(place.path, error)
    })
    return holding(handle, async () => {
      const target = { folder: folder.handle, path: `${TARGET_FOLDER}/${place.name}` }
      const convert = (from: ImageFile) =>
        runConversion(from, inspection.fileFormat as string, target, conversion, watcher)
      if (inspection.containerFormat === 'none') requireNoWriters(file)
      try {
        await withSafeSource(file, inspection, folder, watcher, convert, requireContents)
      } catch (error) {
        if (!(error instanceof VdcError) && (error as NodeJS.ErrnoException).code !== undefined)
          throw notWritten(place.path, error)
        if (error instanceof VdcError && error.code === 'FILE_REFUSED')
          throw namingIt(error, file, target.path, place.path)
        throw error
      }
      await requireUnchanged(file)
      const made = { ...(await imageFileOf(place.path, handle)), liesAt: path }
      const result = await requireSameDisk(made, file, inspection, conversion, watcher)
      return use(new MadeImage(made, result, place, folder, Number(file.opened.mode)))
    })
  })
}

/**
 * Makes sure, where an image is not to be converted after all, that it could be.
 * What only qemu-img finds, and whether there is room, is not known.
 *
 * @returns bytes of the disk that the result would have.
 * @throws VdcError FILE_REFUSED, FILE_NOT_WRITTEN.
 */
export async function tryConversion(file: ImageFile, inspection: Inspection, place: OutputPlace): Promise<number> {
  await access(heldPath(place.folder), constants.W_OK | constants.X_OK).catch((error) => {
    throw notWritten(place.path, error)
  })
  if (inspection.containerFormat === 'none') requireNoWriters(file)
  await requireUnchanged(file)
  return diskSize(inspection)
}

async function runConversion(
  from: ImageFile,
  format: string,
  target: { folder: FileHandle; path: string },
  { to, compress }: Conversion,
  watcher: Watcher,
): Promise<void> {
  const options = compress ? COMPRESSED[to] : EXACTLY[to]
  // An absolute path is never taken for a protocol or an option.
  const args = ['convert', '-p', '-f', format, '-O', to, ...(options ?? []), HANDED_OVER, target.path]
  const { onOutput, end } = qemuProgress(watcher.progress, 'Converting', from.size)
  try {
    const limits = wholeDiskLimits(from, 'converting it', BASE_SECONDS, HINT)
    await runQemuImg(from, args, limits, watcher.cancellation, { target: target.folder, onOutput })
  } finally {
    end()
  }
}

/** Bytes of the disk as every format can hold it. */
function diskSize({ virtualSize }: Inspection): number {
  return Math.ceil((virtualSize as number) / SECTOR) * SECTOR
}

/** Looks at the result as at any other image, and returns what it is. */
async function requireSameDisk(
  made: ImageFile,
  source: ImageFile,
  inspection: Inspection,
  { to }: Conversion,
  watcher: Watcher,
): Promise<Inspection> {
  const result = await inspectImage(made, { format: to, maxSize: Number.MAX_SAFE_INTEGER }, watcher)
  const expected = diskSize(inspection)
  const why =
    result.refusals[0]?.why ??
    (result.virtualSize === expected ? undefined : `has a disk of ${result.virtualSize} bytes instead of ${expected}`)
  if (why === undefined) return result
  throw new VdcError('FILE_REFUSED', `What qemu-img made of ${source.path} is thrown away, as it ${why}`)
}

/** How qemu-img tells that there is no room, and the system's code for it. */
const NO_ROOM: Readonly<Record<string, string>> = {
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
  'File too large': 'EFBIG',
}

/** The error of qemu-img with what it is about: what can't be written is no fault of the image. */
function namingIt(error: VdcError, file: ImageFile, made: string, out: string): VdcError {
  if (error.message.startsWith(`The file ${file.path} `)) return error
  const full = Object.keys(NO_ROOM).find((text) => error.message.endsWith(text))
  const [, reason] = /error while writing at byte [0-9]+: (.*)$/.exec(error.message) ?? []
  if (full !== undefined)
    return notWritten(out, Object.assign(new Error(full, { cause: error }), { code: NO_ROOM[full] }))
  if (reason !== undefined) return notWritten(out, new Error(reason, { cause: error }))
  const message = error.message.replaceAll(made, out)
  return new VdcError('FILE_REFUSED', `The file ${file.path} ${message}`, { hint: error.hint, cause: error })
}
