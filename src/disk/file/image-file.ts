import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, statfs } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { heldPath, holding, isSameInode, O_PATH, pathOfOpen, reopen } from '../remove/held.ts'

/** A disk image file, opened once: what is inspected is what is hashed. */
export interface ImageFile {
  /** Absolute, links resolved. */
  path: string
  handle: FileHandle
  /** Bytes. */
  size: number
  /** As it was when the file was opened. */
  opened: BigIntStats
  /** Where it lies until it is moved to `path`. */
  liesAt?: string
  /** Whether it is a temporary file without a name, with bytes of what lies at `path`. */
  isNameless?: boolean
}

/** Filesystems whose files are no bytes on a disk, by their magic numbers: statfs(2), and linux/magic.h. */
const KERNEL_FILESYSTEMS: Readonly<Record<number, string>> = {
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

/**
 * Opens a disk image file to read, without ever blocking on it. The path is looked
 * up once: what is found there is checked, and then opened, whatever somebody puts
 * there meanwhile.
 *
 * @param path as the operator gave it; links are followed.
 * @throws VdcError FILE_REFUSED for what is missing, can't be read, is no
 *   regular file or is empty.
 */
export async function openImageFile(path: string): Promise<ImageFile> {
  if (path === '') throw new VdcError('FILE_REFUSED', 'The path of the image file is empty')
  requireText(path)
  // Opening a device may do things, so it is not opened before it is known to be a file.
  return holding(await attempt(path, () => open(path, O_PATH)), async (found) => {
    const resolved = await pathOfOpen(found)
    requireText(resolved ?? path)
    requireRegular(resolved ?? path, await found.stat({ bigint: true }))
    if (resolved === undefined) {
      // What was found is gone by now, and perhaps another file is there instead.
      const isReplaced = (await lstat(path).catch(() => undefined)) !== undefined
      if (isReplaced) throw refused(`The file ${path} ${CHANGED.why}`, CHANGED.hint)
      throw refused(`The file ${path} does not exist`)
    }
    const filesystem = KERNEL_FILESYSTEMS[(await attempt(path, () => statfs(heldPath(found)))).type]
    if (filesystem !== undefined)
      throw refused(`${resolved} is no file of a disk: the kernel makes up what is in ${filesystem}`)
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
 * Makes an image file of one that is open.
 *
 * @throws VdcError FILE_REFUSED for what is no regular file or is empty.
 */
export async function imageFileOf(path: string, handle: FileHandle): Promise<ImageFile> {
  const opened = await handle.stat({ bigint: true })
  requireRegular(path, opened)
  if (opened.size === 0n) throw refused(`The file ${path} is empty`)
  return { path, handle, size: Number(opened.size), opened }
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
  if (!(await isUnchanged(file))) throw refused(`The file ${file.path} ${CHANGED.why}`, CHANGED.hint)
}

/**
 * Makes sure that a file still lies at its path, and nothing else.
 *
 * @throws VdcError FILE_REFUSED.
 */
export async function requireThere(file: ImageFile): Promise<void> {
  const there = await attempt(file.path, () => lstat(file.path, { bigint: true }))
  if (!isSameInode(there, file.opened)) throw refused(`The file ${file.path} ${CHANGED.why}`, CHANGED.hint)
}

/** The refusal of a file that changed while it was looked at. */
export const CHANGED = { why: 'changed while it was being registered', hint: 'Try again when nothing writes to it' }

/** Says whether the file, and what lies at its path, is still what was opened. */
export async function isUnchanged(file: ImageFile): Promise<boolean> {
  if (file.isNameless) return isUntouched(file)
  const atPath = await lstat(file.liesAt ?? file.path, { bigint: true }).catch(() => undefined)
  return isAsOpened(file, atPath) && isUntouched(file)
}

/** Says whether the bytes of the file are still those that were opened, as far as its times tell. */
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

/** The error for an open file that can't be read, as on a broken disk; `why` is the system's word for it. */
export function unreadable(file: ImageFile, why: string, cause?: unknown): VdcError {
  return refused(`The file ${file.path} cannot be read: ${why}`, undefined, cause)
}

/** Refuses a name that is no UTF-8: its bytes are lost before they come here, and no URI could hold it. */
function requireText(path: string): void {
  if (!path.includes('\ufffd')) return
  throw refused(`The path ${path} is not UTF-8`, 'Rename the file or its folder to letters, digits and -._~')
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
      EACCES: 'cannot be read: permission denied',
      EPERM: 'cannot be read: permission denied',
      ELOOP: 'is a loop of links',
      ENOTDIR: 'does not exist: a part of its path is no directory',
      ENAMETOOLONG: 'has too long a name',
      ERR_INVALID_ARG_VALUE: 'has a NUL byte in its name',
    }
    throw refused(
      `The file ${path} ${reasons[code ?? ''] ?? `cannot be read: ${(error as Error).message}`}`,
      undefined,
      error,
    )
  }
}

function refused(message: string, hint?: string, cause?: unknown): VdcError {
  return new VdcError('FILE_REFUSED', message, { hint, cause })
}
