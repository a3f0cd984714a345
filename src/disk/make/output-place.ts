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

/** Where a new file is to go: a folder, held open, and a name in it. */
export interface OutputPlace {
  folder: FileHandle
  name: string
  /** The whole path, with the links to the folder resolved. */
  path: string
}

/** Links that are followed on one path, as the kernel has it: path_resolution(7). */
const MOST_LINKS = 40

/**
 * Opens the folder that a new file is to be made in, for `work`.
 *
 * @param out path of the new file.
 * @throws VdcError FILE_NOT_WRITTEN if the folder is missing, cannot be opened or
 *   is reached by a link that somebody else can change.
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
 * Opens a folder step by step, each from the one before. A link of somebody else
 * would have us write wherever they like, so only links of ours are followed, in
 * folders where nobody else can replace them.
 */
async function openFolder(path: string, out: string): Promise<FileHandle> {
  let links = 0
  let here = await open('/', O_PATH | constants.O_DIRECTORY)
  try {
    const steps = (path.startsWith('/') ? path : `${process.cwd()}/${path}`).split('/')
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      if (step === '' || step === '.') continue
      const place = `${heldPath(here)}/${step}`
      const next = await open(place, O_PATH | constants.O_NOFOLLOW)
      const stats = await next.stat({ bigint: true })
      if (stats.isDirectory()) {
        await here.close()
        here = next
        continue
      }
      await next.close()
      if (!stats.isSymbolicLink()) throw Object.assign(new Error(), { code: 'ENOTDIR' })
      if (!isTrusted(stats, await here.stat({ bigint: true })))
        throw strangersLink(out, `${await pathOfOpen(here)}/${step}`)
      if (++links > MOST_LINKS) throw Object.assign(new Error('its links lead round in a circle'), { code: 'ELOOP' })
      const target = await readlink(place)
      steps.unshift(...target.split('/'))
      if (!target.startsWith('/')) continue
      await here.close()
      here = await open('/', O_PATH | constants.O_DIRECTORY)
    }
    return await reopen(here, FOLDER & ~constants.O_NOFOLLOW)
  } catch (error) {
    throw error instanceof VdcError ? error : notWritten(out, error)
  } finally {
    await here.close()
  }
}

/** Whether a link was made by root or us, and nobody else can put another in its place. */
function isTrusted(link: BigIntStats, around: BigIntStats): boolean {
  const isSticky = (around.mode & 0o1000n) !== 0n
  return isOurs(link) && (isOnlyOurs(around) || (isOurs(around) && isSticky))
}

function strangersLink(out: string, link: string): VdcError {
  return new VdcError('FILE_NOT_WRITTEN', `${out} cannot be written: ${link} is a link that somebody else can change`, {
    hint: 'Name the folder that it leads to',
  })
}

/** The error for a name that is taken. */
export function exists(path: string): VdcError {
  return new VdcError('FILE_EXISTS', `${path} exists already`, { hint: 'Choose another name, or remove it first' })
}

/**
 * Gives a file its place, unless something is there.
 *
 * @param made its path in a folder that only we can change; it is gone from there afterwards.
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
 * As `moveIntoPlace`, for filesystems without hard links, such as FAT. Renaming
 * replaces what is there, so the name is taken first; that helps only where nobody
 * else can change the folder.
 *
 * @throws VdcError FILE_EXISTS, FILE_NOT_WRITTEN; Error of the system.
 */
export async function renameIntoPlace(made: string, { folder, name, path }: OutputPlace): Promise<void> {
  if (!isOnlyOurs(await folder.stat({ bigint: true }))) {
    throw new VdcError(
      'FILE_NOT_WRITTEN',
      `${path} cannot be written: its filesystem has no hard links, and other users can change its folder`,
      { hint: 'Write into a folder that only you can change, or onto another filesystem' },
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
 * Removes a file of ours from its place. Between a look and an unlink somebody
 * could put another file there, so whatever has the name is first moved to where
 * only we can change it, and moved back if it is not ours.
 *
 * @param file the file, held open.
 * @param aside a path in a folder that only we can change, on the same filesystem.
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

/** Puts a file that is not ours back under its name; if that is taken again, under a similar name. */
async function putBack(aside: string, place: string): Promise<void> {
  const isFolder = (await lstat(aside)).isDirectory()
  for (let attempt = 0; attempt < 100; attempt++) {
    const free = attempt === 0 ? place : `${place}.${attempt}`
    try {
      // A folder has no second link; renamed, it replaces an empty folder at most.
      if (isFolder) return await rename(aside, free)
      await link(aside, free)
      return await unlink(aside)
    } catch (error) {
      if (!['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}
