import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, link, lstat, open, readlink, rename, unlink } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { notWritten } from '../file/write-error.ts'
import {
  FOLDER,
  heldPath,
  holding,
  isOnlyOurs,
  isOurs,
  isSameInode,
  NEW_FILE,
  O_PATH,
  pathOfOpen,
  reopen,
} from '../remove/held.ts'

/** The place of a new file: an open folder and a name in it. */
export interface OutputPlace {
  folder: FileHandle
  name: string
  /** The whole path, with the links to the folder resolved. */
  path: string
}

/** Links that are followed in one path; the kernel's limit: path_resolution(7). */
const MOST_LINKS = 40

/**
 * Opens the folder of a new file and runs `work`.
 *
 * @param out path of the new file.
 * @throws VdcError FILE_NOT_WRITTEN if the folder is missing, cannot be opened, or is
 *   reached through a link that another user can change; errors of `work`.
 */
export async function withOutputPlace<T>(out: string, work: (place: OutputPlace) => Promise<T>): Promise<T> {
  const folder = await openFolder(dirname(out), out)
  return holding(folder, async () => {
    const path = await pathOfOpen(folder)
    if (path === undefined) throw notWritten(out, Object.assign(new Error(), { code: 'ENOENT' }))
    const name = basename(out)
    return work({ folder, name, path: path === '/' ? `/${name}` : `${path}/${name}` })
  })
}

/**
 * Opens a folder step by step, each one from its parent. A link of another user could make
 * this program write anywhere, so only links of root and this user are followed, in folders
 * where no other user can replace them.
 */
async function openFolder(path: string, out: string): Promise<FileHandle> {
  let links = 0
  let here = await open('/', O_PATH | constants.O_DIRECTORY)
  try {
    const steps = stepsOf(path.startsWith('/') ? path : `${process.cwd()}/${path}`)
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      let next = await openStep(here, step)
      if ('link' in next) {
        const target = await targetOf(here, step, next.link, out)
        if (++links > MOST_LINKS)
          throw Object.assign(new Error('the symbolic links in its path form a loop'), { code: 'ELOOP' })
        steps.unshift(...stepsOf(target))
        if (!target.startsWith('/')) continue
        next = { folder: await open('/', O_PATH | constants.O_DIRECTORY) }
      }
      await here.close()
      here = next.folder
    }
    return await reopen(here, FOLDER & ~constants.O_NOFOLLOW)
  } catch (error) {
    throw error instanceof VdcError ? error : notWritten(out, error)
  } finally {
    await here.close()
  }
}

/** Splits a path into names, without those that stay in the same folder. */
function stepsOf(path: string): string[] {
  return path.split('/').filter((step) => step !== '' && step !== '.')
}

/**
 * Opens a folder in another one. Does not follow a link, but returns what it is.
 *
 * @throws Error of the system; ENOTDIR if it is neither.
 */
async function openStep(here: FileHandle, step: string): Promise<{ folder: FileHandle } | { link: BigIntStats }> {
  const next = await open(`${heldPath(here)}/${step}`, O_PATH | constants.O_NOFOLLOW)
  const stats = await next.stat({ bigint: true })
  if (stats.isDirectory()) return { folder: next }
  await next.close()
  if (stats.isSymbolicLink()) return { link: stats }
  throw Object.assign(new Error(), { code: 'ENOTDIR' })
}

/**
 * Returns the target of a link.
 *
 * @throws VdcError FILE_NOT_WRITTEN if another user can change the link; Error of the system.
 */
async function targetOf(here: FileHandle, step: string, link: BigIntStats, out: string): Promise<string> {
  if (!isTrusted(link, await here.stat({ bigint: true }))) throw untrustedLink(out, `${await pathOfOpen(here)}/${step}`)
  return readlink(`${heldPath(here)}/${step}`)
}

/** Returns true if a link belongs to root or this user, and no other user can replace it. */
function isTrusted(link: BigIntStats, around: BigIntStats): boolean {
  const isSticky = (around.mode & 0o1000n) !== 0n
  return isOurs(link) && (isOnlyOurs(around) || (isOurs(around) && isSticky))
}

function untrustedLink(out: string, link: string): VdcError {
  return new VdcError('FILE_NOT_WRITTEN', `${out} cannot be written: ${link} is a link that another user can change`, {
    hint: 'Name the folder that it points to',
  })
}

/** Returns the error for a name that is taken. */
export function exists(path: string): VdcError {
  return new VdcError('FILE_EXISTS', `${path} already exists`, { hint: 'Choose another name, or remove it first' })
}

/**
 * Moves a file into place, unless something is there.
 *
 * @param made its current path, in a folder that only this user can change.
 * @throws VdcError FILE_EXISTS, FILE_NOT_WRITTEN; Error of the system.
 */
export async function moveIntoPlace(made: string, { folder, name, path }: OutputPlace): Promise<void> {
  const place = `${heldPath(folder)}/${name}`
  try {
    await link(made, place)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw exists(path)
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)) throw error
    return renameIntoPlace(made, { folder, name, path })
  }
  await unlink(made)
}

/**
 * Does the same as `moveIntoPlace` on filesystems without hard links, such as FAT. Renaming
 * would replace an existing file, so an empty file is created first. That is safe only if no
 * other user can change the folder.
 *
 * @throws VdcError FILE_EXISTS, FILE_NOT_WRITTEN; Error of the system.
 */
export async function renameIntoPlace(made: string, { folder, name, path }: OutputPlace): Promise<void> {
  if (!isOnlyOurs(await folder.stat({ bigint: true }))) {
    throw new VdcError(
      'FILE_NOT_WRITTEN',
      `${path} cannot be written: its filesystem has no hard links, and other users can change its folder`,
      { hint: 'Write to a folder that only you can change, or to another filesystem' },
    )
  }
  const place = `${heldPath(folder)}/${name}`
  const taken = await open(place, NEW_FILE).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? exists(path) : error
  })
  await taken.close()
  await rename(made, place)
}

/**
 * Removes a file of this program from its place. Another user could replace the file
 * between a check and the unlink. So it is first moved to a folder that only this user can
 * change, and moved back if it is another file.
 *
 * @param file the open file.
 * @param aside a path in a folder that only this user can change, on the same filesystem.
 */
export async function removeFromPlace(file: FileHandle, { folder, name }: OutputPlace, aside: string): Promise<void> {
  const ours = await file.stat({ bigint: true })
  const isOursAt = async (path: string) => isSameInode(ours, await lstat(path, { bigint: true }).catch(() => undefined))
  const place = `${heldPath(folder)}/${name}`
  if (!(await isOursAt(place))) return
  try {
    await rename(place, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (await isOursAt(aside)) return unlink(aside)
  await putBack(aside, place)
}

/** Moves another user's file back to its name, or to a similar one if that is taken again. */
async function putBack(aside: string, place: string): Promise<void> {
  const isFolder = (await lstat(aside)).isDirectory()
  for (let attempt = 0; attempt < 100; attempt++) {
    const free = attempt === 0 ? place : `${place}.${attempt}`
    try {
      // A folder cannot be linked. Renaming it can replace only an empty folder.
      if (isFolder) return await rename(aside, free)
      await link(aside, free)
      return await unlink(aside)
    } catch (error) {
      if (!['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}
