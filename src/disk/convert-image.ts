import { constants } from 'node:fs'
import { access, type FileHandle, link, lstat, open, realpath, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { VdcError } from '../errors.ts'
import { endingOf, type TargetFormat } from './file-formats.ts'
import { type ImageFile, imageFileOf, requireUnchanged } from './image-file.ts'
import { inspectImage } from './inspect-image.ts'
import type { Inspection } from './inspection.ts'
import { notWritten } from './not-written.ts'
import { HANDED_OVER, IN_USE, runQemuImg, TARGET_FOLDER } from './qemu-img.ts'
import { qemuProgress } from './qemu-progress.ts'
import { withUnpackedFile } from './unpacked.ts'
import type { Watcher } from './watcher.ts'
import { withWorkFolder } from './work-folder.ts'
import { hasWriters } from './writers.ts'

/** What QEMU must be told to keep the disk's size to the byte. */
const EXACTLY: Partial<Record<TargetFormat, readonly string[]>> = { vpc: ['-o', 'force_size=on'] }

/** Those that can be written compressed, and how. */
const COMPRESSED: Partial<Record<TargetFormat, readonly string[]>> = {
  qcow2: ['-c'],
  vmdk: ['-c', '-o', 'subformat=streamOptimized'],
}

const SECTOR = 512

/** How a file is to be converted. */
export interface Conversion {
  to: TargetFormat
  compress: boolean
}

/**
 * Makes sure that a conversion can end well, before it begins.
 *
 * @param out path that the result is to have.
 * @returns it, with the links in its folder resolved.
 * @throws VdcError FILE_EXISTS, VALUE_REFUSED, FILE_NOT_WRITTEN when its folder isn't there.
 */
export async function requireConvertible(out: string, { to, compress }: Conversion): Promise<string> {
  if (compress && COMPRESSED[to] === undefined) {
    throw new VdcError('VALUE_REFUSED', `${to} can not be compressed`, {
      hint: `--compress goes with ${Object.keys(COMPRESSED).join(' and ')}`,
    })
  }
  const named = endingOf(out)
  if (named !== undefined && !named.formats.includes(to))
    throw new VdcError('VALUE_REFUSED', `${out} is called .${named.ending}, and would be ${to}`)
  // Node has lost the bytes of such a name.
  if (out.includes('\ufffd')) throw new VdcError('VALUE_REFUSED', `${out} is not UTF-8`)
  const folder = await realpath(dirname(out)).catch((error) => {
    throw notWritten(out, error)
  })
  const path = join(folder, basename(out))
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' || out.endsWith('/')) throw notWritten(out, error)
  })
  if (there?.isDirectory())
    throw new VdcError('FILE_EXISTS', `${path} is a folder`, { hint: 'Name the file that is to be made in it' })
  if (there !== undefined) throw exists(path)
  return path
}

/**
 * Converts an image that was inspected. The result is made in a folder of its own
 * beside its place, inspected, and only then put there: whatever happens, no half
 * of it is to be seen.
 *
 * @param out as `requireConvertible` returns it.
 * @throws VdcError FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN, QEMU_IMG_FAILED, or what the cancellation throws.
 */
export async function convertImage(
  file: ImageFile,
  inspection: Inspection,
  out: string,
  conversion: Conversion,
  watcher: Watcher,
): Promise<void> {
  await withWorkFolder(out, async (folder) => {
    const made = `${folder.path}/${basename(out)}`
    const target = { folder: folder.handle, path: `${TARGET_FOLDER}/${basename(out)}` }
    const convert = (from: ImageFile) =>
      runConversion(from, inspection.fileFormat as string, target, conversion, watcher)
    if (inspection.containerFormat === 'none') requireNoWriters(file)
    try {
      if (inspection.containerFormat === 'none') await convert(file)
      else await withUnpackedFile(file, inspection.size, watcher, convert)
    } catch (error) {
      if (error instanceof VdcError && error.code === 'FILE_REFUSED') throw namingIt(error, file, target.path, out)
      throw error
    }
    await requireUnchanged(file)
    const handle = await open(made, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error) => {
      throw notWritten(out, error)
    })
    try {
      await requireSameDisk(await imageFileOf(made, handle), file, inspection, conversion, watcher)
      await handle.chmod(Number(file.opened.mode) & 0o666)
      await handle.sync()
      await putInPlace(made, `${folder.parentPath}/${basename(out)}`, out)
      await sync(folder.parentPath)
    } catch (error) {
      throw error instanceof VdcError ? error : notWritten(out, error)
    } finally {
      await handle.close()
    }
  })
}

/**
 * Makes sure, where an image is not to be converted after all, that it could be.
 * What only qemu-img finds, and whether there is room, is not known.
 *
 * @param out as `requireConvertible` returns it.
 * @returns bytes of the disk that the result would have.
 * @throws VdcError FILE_REFUSED, FILE_NOT_WRITTEN.
 */
export async function tryConversion(file: ImageFile, inspection: Inspection, out: string): Promise<number> {
  await access(dirname(out), constants.W_OK | constants.X_OK).catch((error) => {
    throw notWritten(out, error)
  })
  if (inspection.containerFormat === 'none') requireNoWriters(file)
  await requireUnchanged(file)
  return diskSize(inspection)
}

/** Who has it mapped could have qemu-img read what only we may, and leave no trace of that. */
function requireNoWriters(file: ImageFile): void {
  if (hasWriters(file)) throw new VdcError('FILE_REFUSED', `The file ${file.path} ${IN_USE.why}`, { hint: IN_USE.hint })
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
    await runQemuImg(from, args, undefined, watcher.cancellation, { target: target.folder, onOutput })
  } finally {
    end()
  }
}

/** Bytes of the disk as every format can hold it. */
function diskSize({ virtualSize }: Inspection): number {
  return Math.ceil((virtualSize as number) / SECTOR) * SECTOR
}

/** Looks at the result as at any other image. */
async function requireSameDisk(
  made: ImageFile,
  source: ImageFile,
  inspection: Inspection,
  { to }: Conversion,
  watcher: Watcher,
): Promise<void> {
  const result = await inspectImage(made, { format: to, maxSize: Number.MAX_SAFE_INTEGER }, watcher)
  const expected = diskSize(inspection)
  const why =
    result.refusals[0]?.why ??
    (result.virtualSize === expected ? undefined : `has a disk of ${result.virtualSize} bytes instead of ${expected}`)
  if (why === undefined) return
  throw new VdcError('FILE_REFUSED', `What qemu-img made of ${source.path} is thrown away, as it ${why}`)
}

/**
 * Gives a file its place, unless something is there.
 *
 * @param place its path, through the folder that is held open.
 * @param out the same for people.
 */
async function putInPlace(made: string, place: string, out: string): Promise<void> {
  try {
    await link(made, place)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw exists(out)
    // Filesystems such as FAT have no links.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)) throw error
    const held = await open(place, 'wx').catch((taken: NodeJS.ErrnoException) => {
      throw taken.code === 'EEXIST' ? exists(out) : taken
    })
    await held.close()
    await rename(made, place)
  }
}

/** Makes sure that a folder is on the disk. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function exists(path: string): VdcError {
  return new VdcError('FILE_EXISTS', `${path} exists already`, { hint: 'Choose another name, or remove it first' })
}

/** How qemu-img tells that there is no room, and the system's code for it. */
const NO_ROOM: Readonly<Record<string, string>> = {
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
  'File too large': 'EFBIG',
}

/** The error of qemu-img with what it is about: what can't be written is no fault of the image. */
function namingIt(error: VdcError, file: ImageFile, made: string, out: string): VdcError {
  const full = Object.keys(NO_ROOM).find((text) => error.message.endsWith(text))
  const [, reason] = /error while writing at byte [0-9]+: (.*)$/.exec(error.message) ?? []
  if (full !== undefined)
    return notWritten(out, Object.assign(new Error(full, { cause: error }), { code: NO_ROOM[full] }))
  if (reason !== undefined) return notWritten(out, new Error(reason, { cause: error }))
  const message = error.message.replaceAll(made, out)
  return new VdcError('FILE_REFUSED', `The file ${file.path} ${message}`, { hint: error.hint, cause: error })
}
