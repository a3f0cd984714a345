import { constants } from 'node:fs'
import { access, type FileHandle, lstat } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { type ImageFile, imageFileOf, requireUnchanged } from '../file/image-file.ts'
import { notWritten } from '../file/write-error.ts'
import { withWorkFolder } from '../folder/work-folder.ts'
import { endingOf, type TargetFormat } from '../inspect/file-formats.ts'
import { inspectImage } from '../inspect/inspect-image.ts'
import type { Inspection } from '../inspect/inspection.ts'
import { HANDED_OVER, runQemuImg, TARGET_FOLDER, wholeDiskLimits } from '../qemu/qemu-img.ts'
import { qemuProgress } from '../qemu/qemu-progress.ts'
import { heldPath, holding } from '../remove/held.ts'
import type { Watcher } from '../watcher.ts'
import { MadeImage } from './made-image.ts'
import { exists, type OutputPlace, withOutputPlace } from './output-place.ts'
import { requireNoWriters, withSafeSource } from './safe-source.ts'
import { newWorkFile } from './work-file.ts'

/** Options with which qemu-img keeps the exact virtual size. */
const EXACT_SIZE: Partial<Record<TargetFormat, readonly string[]>> = { vpc: ['-o', 'force_size=on'] }

/** Options for compressed images, by the formats that support compression. */
const COMPRESSED: Partial<Record<TargetFormat, readonly string[]>> = {
  qcow2: ['-c'],
  vmdk: ['-c', '-o', 'subformat=streamOptimized'],
}

const SECTOR = 512
/** Seconds of processor time that any image may use: twice what an empty VHDX of 64 TiB takes. */
const BASE_SECONDS = 3600
const HINT = 'If you trust the image, convert it with qemu-img directly'

/** The result that a conversion is to have. */
export interface Conversion {
  to: TargetFormat
  compress: boolean
}

/** What is done within a conversion, beside the conversion. */
export interface ConversionSteps<T> {
  /** Checks the bytes of the source that are converted. */
  requireContents?: ((source: ImageFile) => Promise<void>) | undefined
  /** Changes the result before it is inspected. Its virtual size must stay. */
  change?: (made: ImageFile) => Promise<void>
  /** Uses the result, which is removed unless this moves it into place. */
  use(made: MadeImage): Promise<T>
}

/**
 * Checks whether a file can be created by a conversion, opens its folder and runs `work`.
 *
 * @param out path of the new file.
 * @throws VdcError FILE_EXISTS, VALUE_REFUSED, FILE_NOT_WRITTEN; errors of `work`.
 */
export async function withConvertible<T>(
  out: string,
  { to, compress }: Conversion,
  work: (place: OutputPlace) => Promise<T>,
): Promise<T> {
  if (compress && COMPRESSED[to] === undefined) {
    throw new VdcError('VALUE_REFUSED', `Images in the format ${to} cannot be compressed`, {
      hint: `--compress supports ${Object.keys(COMPRESSED).join(' and ')}`,
    })
  }
  requireEnding(out, to)
  return withFreePlace(out, work)
}

/**
 * Refuses a new file whose name says that it has another format.
 *
 * @param hint what to do about it.
 * @throws VdcError VALUE_REFUSED.
 */
export function requireEnding(out: string, format: string, hint?: string): void {
  const named = endingOf(out)
  if (named !== undefined && !named.formats.includes(format))
    throw new VdcError('VALUE_REFUSED', `${out} ends in .${named.ending}, but its format would be ${format}`, { hint })
}

/**
 * Checks whether a file can be created, opens its folder and runs `work`.
 *
 * @throws VdcError FILE_EXISTS, VALUE_REFUSED, FILE_NOT_WRITTEN; errors of `work`.
 */
export async function withFreePlace<T>(out: string, work: (place: OutputPlace) => Promise<T>): Promise<T> {
  // Node has lost the bytes of a name that is not UTF-8.
  if (out.includes('\ufffd')) throw new VdcError('VALUE_REFUSED', `${out} is not UTF-8`)
  return withOutputPlace(out, async (place) => {
    const there = await lstat(`${heldPath(place.folder)}/${place.name}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || out.endsWith('/')) throw notWritten(out, error)
    })
    if (there?.isDirectory())
      throw new VdcError('FILE_EXISTS', `${place.path} is a folder`, { hint: 'Name the file to create in it' })
    if (there !== undefined) throw exists(place.path)
    return work(place)
  })
}

/**
 * Converts an inspected image. The result is created in a work folder beside its place, and
 * inspected there. It stays open until `use` ends, and is removed unless `use` moves it into
 * place, so an incomplete file is never visible there.
 *
 * @returns the result of `use`.
 * @throws VdcError FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN or QEMU_IMG_FAILED; the error
 *   of the cancellation; errors of the steps.
 */
export async function convertImage<T>(
  file: ImageFile,
  inspection: Inspection,
  place: OutputPlace,
  conversion: Conversion,
  watcher: Watcher,
  { requireContents, change, use }: ConversionSteps<T>,
): Promise<T> {
  return withWorkFolder(place, async (folder) => {
    // Created before qemu-img writes to it, so that one descriptor is used from the start.
    const { path, handle } = await newWorkFile(folder, place)
    return holding(handle, async () => {
      const target = { folder: folder.handle, path: `${TARGET_FOLDER}/${place.name}` }
      const convert = (from: ImageFile) =>
        runConversion(from, inspection.fileFormat as string, target, conversion, watcher)
      if (inspection.containerFormat === 'none') requireNoWriters(file)
      await withSafeSource(file, inspection, folder, watcher, convert, requireContents).catch((error: unknown) => {
        throw asConversionError(error, file, target.path, place.path)
      })
      await requireUnchanged(file)
      await change?.({ ...(await imageFileOf(place.path, handle)), liesAt: path })
      const made = { ...(await imageFileOf(place.path, handle)), liesAt: path }
      const result = await requireSameDisk(made, file, inspection, conversion, watcher)
      return use(new MadeImage(made, result, place, folder, Number(file.opened.mode)))
    })
  })
}

/**
 * Checks whether an image could be converted, for a dry run. Finds neither faults that only
 * qemu-img detects nor a lack of disk space.
 *
 * @returns the virtual size of the result in bytes.
 * @throws VdcError FILE_REFUSED, FILE_NOT_WRITTEN.
 */
export async function tryConversion(file: ImageFile, inspection: Inspection, place: OutputPlace): Promise<number> {
  await requireWritableFolder(place)
  if (inspection.containerFormat === 'none') requireNoWriters(file)
  await requireUnchanged(file)
  return diskSize(inspection)
}

/**
 * Checks whether a file can be created, for a dry run.
 *
 * @throws VdcError FILE_NOT_WRITTEN if this user may not write to its folder.
 */
export async function requireWritableFolder(place: OutputPlace): Promise<void> {
  await access(heldPath(place.folder), constants.W_OK | constants.X_OK).catch((error) => {
    throw notWritten(place.path, error)
  })
}

async function runConversion(
  from: ImageFile,
  format: string,
  target: { folder: FileHandle; path: string },
  { to, compress }: Conversion,
  watcher: Watcher,
): Promise<void> {
  const options = compress ? COMPRESSED[to] : EXACT_SIZE[to]
  // qemu-img never parses an absolute path as a protocol or an option.
  const args = ['convert', '-p', '-f', format, '-O', to, ...(options ?? []), HANDED_OVER, target.path]
  const { onOutput, end } = qemuProgress(watcher.progress, 'Converting', from.size)
  try {
    const limits = wholeDiskLimits(from, 'converting it', BASE_SECONDS, HINT)
    await runQemuImg(from, args, limits, watcher.cancellation, { target: target.folder, onOutput })
  } finally {
    end()
  }
}

/** Returns the virtual size in bytes, rounded up to whole sectors as all formats require. */
function diskSize({ virtualSize }: Inspection): number {
  return Math.ceil((virtualSize as number) / SECTOR) * SECTOR
}

/** Inspects the result like any other image, and checks that its virtual size is right. */
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
  throw new VdcError(
    'FILE_REFUSED',
    `The image that qemu-img created from ${source.path} was deleted because it ${why}`,
  )
}

/** Messages of qemu-img about a lack of space, and the system's error codes for them. */
const NO_ROOM: Readonly<Record<string, string>> = {
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
  'File too large': 'EFBIG',
}

/**
 * Returns the error to report for an error during a conversion.
 *
 * @param made path of the result for qemu-img.
 * @param out path of the result for people.
 */
function asConversionError(error: unknown, file: ImageFile, made: string, out: string): unknown {
  if (error instanceof VdcError) return error.code === 'FILE_REFUSED' ? withFileNames(error, file, made, out) : error
  return (error as NodeJS.ErrnoException).code === undefined ? error : notWritten(out, error)
}

/** Adds the name of the file to an error of qemu-img: the result if that cannot be written, or else the image. */
function withFileNames(error: VdcError, file: ImageFile, made: string, out: string): VdcError {
  if (error.message.startsWith(`The file ${file.path} `)) return error
  const full = Object.keys(NO_ROOM).find((text) => error.message.endsWith(text))
  const [, reason] = /error while writing at byte [0-9]+: (.*)$/.exec(error.message) ?? []
  if (full !== undefined)
    return notWritten(out, Object.assign(new Error(full, { cause: error }), { code: NO_ROOM[full] }))
  if (reason !== undefined) return notWritten(out, new Error(reason, { cause: error }))
  const message = error.message.replaceAll(made, out)
  return new VdcError('FILE_REFUSED', `The file ${file.path} ${message}`, { hint: error.hint, cause: error })
}
