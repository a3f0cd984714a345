import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { VdcError } from '../errors.ts'

/** A disk image file, opened once: what is inspected is what is hashed. */
export interface ImageFile {
  /** Absolute, links resolved. */
  path: string
  handle: FileHandle
  /** Bytes. */
  size: number
  /** As it was when the file was opened. */
  opened: BigIntStats
}

/**
 * Opens a disk image file to read, without ever blocking on it.
 *
 * @param path as the operator gave it; links are followed.
 * @throws VdcError FILE_REFUSED for what is missing, can't be read, is no
 *   regular file or is empty.
 */
export async function openImageFile(path: string): Promise<ImageFile> {
  if (path === '') throw new VdcError('FILE_REFUSED', 'The path of the image file is empty')
  const resolved = await attempt(path, () => realpath(path))
  // Looked at before it is opened: opening a device may do things.
  requireRegular(resolved, await attempt(path, () => stat(resolved, { bigint: true })))
  const handle = await attempt(path, () => open(resolved, constants.O_RDONLY | constants.O_NONBLOCK))
  try {
    const opened = await handle.stat({ bigint: true })
    requireRegular(resolved, opened)
    if (opened.size === 0n) throw refused(`The file ${resolved} is empty`)
    return { path: resolved, handle, size: Number(opened.size), opened }
  } catch (error) {
    await handle.close()
    throw error
  }
}

export async function closeImageFile(file: ImageFile): Promise<void> {
  await file.handle.close()
}

/**
 * Makes sure that the file, and what lies at its path, is still what was opened.
 *
 * @throws VdcError FILE_REFUSED when it changed meanwhile.
 */
export async function requireUnchanged(file: ImageFile): Promise<void> {
  const now = await file.handle.stat({ bigint: true })
  const atPath = await attempt(file.path, () => stat(file.path, { bigint: true }))
  const before = file.opened
  const same = [now, atPath].every(
    (stats) =>
      stats.dev === before.dev &&
      stats.ino === before.ino &&
      stats.size === before.size &&
      stats.mtimeNs === before.mtimeNs &&
      stats.ctimeNs === before.ctimeNs,
  )
  if (!same)
    throw refused(`The file ${file.path} changed while it was being registered`, 'Try again when nothing writes to it')
}

/** The error for an open file that can't be read, as on a broken disk; `why` is the system's word for it. */
export function unreadable(file: ImageFile, why: string, cause?: unknown): VdcError {
  return refused(`The file ${file.path} can not be read: ${why}`, undefined, cause)
}

function requireRegular(path: string, stats: BigIntStats): void {
  if (stats.isFile()) return
  const kind = stats.isDirectory()
    ? 'a directory'
    : stats.isFIFO()
      ? 'a FIFO'
      : stats.isSocket()
        ? 'a socket'
        : stats.isBlockDevice() || stats.isCharacterDevice()
          ? 'a device'
          : 'something else'
  throw refused(`${path} is not a regular file but ${kind}`)
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const reasons: Record<string, string> = {
      ENOENT: 'does not exist',
      EACCES: 'can not be read: permission denied',
      EPERM: 'can not be read: permission denied',
      ELOOP: 'is a loop of links',
      ENOTDIR: 'does not exist: a part of its path is no directory',
      ENAMETOOLONG: 'has too long a name',
      ERR_INVALID_ARG_VALUE: 'has a NUL byte in its name',
    }
    throw refused(
      `The file ${path} ${reasons[code ?? ''] ?? `can not be read: ${(error as Error).message}`}`,
      undefined,
      error,
    )
  }
}

function refused(message: string, hint?: string, cause?: unknown): VdcError {
  return new VdcError('FILE_REFUSED', message, { hint, cause })
}
