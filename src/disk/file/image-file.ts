import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, statfs } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { isUrl, withoutSecrets } from '../../core/url.ts'
import { heldPath, holding, isSameInode, O_PATH, pathOfOpen, reopen } from '../remove/held.ts'
import { FETCH_AGAIN } from './source.ts'

/** A disk image file. It is opened once, so that the same file is inspected and hashed. */
export interface ImageFile {
  /** Absolute, links resolved. */
  path: string
  handle: FileHandle
  /** Bytes. */
  size: number
  /** The file's stats when it was opened. */
  opened: BigIntStats
  /** The current path of a file that is still to be moved to `path`. */
  liesAt?: string
  /** True for a temporary file without a name, with the bytes of the file at `path`. */
  isNameless?: boolean
  /** The image that was unpacked from this file and inspected, if it was kept. It is closed with this file. */
  unpacked?: ImageFile
}

/** Filesystems whose files the kernel generates, by magic number: statfs(2) and linux/magic.h. */
export const KERNEL_FILESYSTEMS: Readonly<Record<number, string>> = {
  40864: '/proc',
  1650812274: '/sys',
  1684170528: 'debugfs',
  1953653091: 'tracefs',
  1935894131: 'securityfs',
  1650812272: 'configfs',
  1634035564: 'pstore',
  3730735588: 'efivarfs',
  3405662737: 'bpf',
  2613483: 'cgroup',
  1667723888: 'cgroup2',
}

/** How a file was named. */
export interface NamedHow {
  /** The path is real, because it was found in a folder. A link that has appeared in it since is refused. */
  isReal?: boolean | undefined
  /** The hint if the path is that of a folder. */
  folderHint?: string | undefined
}

/**
 * Opens a disk image file for reading, without blocking. The path is resolved once: the
 * file that is checked is the file that is opened, even if the path changes meanwhile.
 *
 * @param path as the user entered it; links are followed, unless it `isReal`.
 * @throws VdcError FILE_REFUSED if the file is missing, empty or not a regular file, or
 *   cannot be read.
 */
export async function openImageFile(path: string, { isReal, folderHint }: NamedHow = {}): Promise<ImageFile> {
  if (path === '') throw new VdcError('FILE_REFUSED', 'The path of the image file is empty')
  requireText(path)
  // Opening a device may have effects, so O_PATH finds the file without opening it.
  return holding(await attempt(path, () => open(path, O_PATH)), async (found) => {
    const resolved = await pathOfOpen(found)
    requireText(resolved ?? path)
    requireRegular(resolved ?? path, await found.stat({ bigint: true }), folderHint)
    if (isReal && resolved !== path) throw refused(`The file ${path} ${CHANGED.why}`, CHANGED.hint)
    if (resolved === undefined) {
      // The file was removed after it was found. Another one may have replaced it.
      const isReplaced = (await lstat(path).catch(() => undefined)) !== undefined
      if (isReplaced) throw refused(`The file ${path} ${CHANGED.why}`, CHANGED.hint)
      throw refused(`The file ${path} does not exist`)
    }
    const filesystem = KERNEL_FILESYSTEMS[(await attempt(path, () => statfs(heldPath(found)))).type]
    if (filesystem !== undefined)
      throw refused(`${resolved} is not a disk image: the kernel generates the files in ${filesystem}`)
    const handle = await attempt(path, () => reopen(found, constants.O_RDONLY | constants.O_NONBLOCK))
    try {
      return await imageFileOf(resolved, handle)
    } catch (error) {
      await handle.close()
      throw error
    }
  })
}

/**
 * Returns the image file for a file that is open.
 *
 * @throws VdcError FILE_REFUSED if it is empty or not a regular file.
 */
export async function imageFileOf(path: string, handle: FileHandle): Promise<ImageFile> {
  const opened = await handle.stat({ bigint: true })
  requireRegular(path, opened)
  if (opened.size === 0n) throw refused(`The file ${path} is empty`, FETCH_AGAIN)
  return { path, handle, size: Number(opened.size), opened }
}

/** Closes an image file, and the image that was unpacked from it. */
export async function closeImageFile(file: ImageFile): Promise<void> {
  await file.unpacked?.handle.close()
  await file.handle.close()
}

/**
 * Checks that the file is unchanged since it was opened, and that it is still at its path.
 *
 * @throws VdcError FILE_REFUSED if it is not.
 */
export async function requireUnchanged(file: ImageFile): Promise<void> {
  if (!(await isUnchanged(file))) throw refused(`The file ${file.path} ${CHANGED.why}`, CHANGED.hint)
}

/**
 * Checks that a file is still at its path. Ignores changes of its contents.
 *
 * @throws VdcError FILE_REFUSED if it is not.
 */
export async function requireThere(file: ImageFile): Promise<void> {
  const there = await attempt(file.path, () => lstat(file.path, { bigint: true }))
  if (!isSameInode(there, file.opened)) throw refused(`The file ${file.path} ${CHANGED.why}`, CHANGED.hint)
}

/** Returns the hint for a path that leads to no file. */
function wayToFile(path: string): string {
  return isUrl(path)
    ? 'Download and register it with: vdc-manage image add url URL --into FOLDER'
    : 'Check the path; relative paths start at the current folder'
}

/** The refusal of a file that changed after it was opened. */
export const CHANGED = {
  why: 'changed while it was being registered',
  hint: 'Try again when no program is writing to it',
}

/** Returns true if the file is unchanged since it was opened and is still at its path. */
export async function isUnchanged(file: ImageFile): Promise<boolean> {
  if (file.isNameless) return isUntouched(file)
  const atPath = await lstat(file.liesAt ?? file.path, { bigint: true }).catch(() => undefined)
  return isAsOpened(file, atPath) && isUntouched(file)
}

/** Returns true if the contents of the file are unchanged since it was opened, judging by its size and times. */
export async function isUntouched(file: ImageFile): Promise<boolean> {
  return isAsOpened(file, await file.handle.stat({ bigint: true }))
}

function isAsOpened({ opened }: ImageFile, now: BigIntStats | undefined): boolean {
  return (
    isSameInode(now, opened) &&
    now?.size === opened.size &&
    now.mtimeNs === opened.mtimeNs &&
    now.ctimeNs === opened.ctimeNs
  )
}

/** Returns the error for an open file that cannot be read, for example on a broken disk; `why` is the system's message. */
export function unreadable(file: ImageFile, why: string, cause?: unknown): VdcError {
  return refused(`The file ${file.path} cannot be read: ${why}`, undefined, cause)
}

/** Refuses a path that is not UTF-8: Node has lost its bytes, and no URI could contain it. */
function requireText(path: string): void {
  if (!path.includes('\ufffd')) return
  throw refused(`The path ${path} is not UTF-8`, 'Rename the file or its folder to letters, digits and -._~')
}

function requireRegular(
  path: string,
  stats: BigIntStats,
  folderHint = 'Give the path of a disk image file in the folder',
): void {
  if (stats.isFile()) return
  const hint = stats.isDirectory() ? folderHint : undefined
  throw refused(`${path} is ${kindOf(stats)}, not a regular file`, hint)
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  if (stats.isBlockDevice() || stats.isCharacterDevice()) return 'a device'
  return 'something else'
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const reasons: Record<string, string> = {
      ENOENT: 'does not exist',
      EACCES: 'cannot be read: permission denied',
      EPERM: 'cannot be read: permission denied',
      ELOOP: 'cannot be read: its symbolic links form a loop',
      ENOTDIR: 'does not exist: a part of its path is not a folder',
      ENAMETOOLONG: 'has a name that is too long',
      ERR_INVALID_ARG_VALUE: 'has a NUL byte in its name',
    }
    throw refused(
      `The file ${withoutSecrets(path)} ${reasons[code ?? ''] ?? `cannot be read: ${(error as Error).message}`}`,
      ['ENOENT', 'ENOTDIR'].includes(code ?? '') ? wayToFile(path) : undefined,
      error,
    )
  }
}

function refused(message: string, hint?: string, cause?: unknown): VdcError {
  return new VdcError('FILE_REFUSED', message, { hint, cause })
}
