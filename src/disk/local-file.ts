import { lstat, open, opendir, readlink, realpath, stat, unlink } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { FOLDER } from './held.ts'

/** What lies at a path: a file, at its real path; nothing, or no file; or nobody can tell. */
export type FileState = { real: string } | 'gone' | 'unknown'

const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

/** Looks for a file as the hypervisor agents do, who follow links. */
export async function lookForFile(path: string): Promise<FileState> {
  try {
    const real = await realpath(path)
    return (await stat(real)).isFile() ? { real } : 'gone'
  } catch (error) {
    return GONE.has((error as NodeJS.ErrnoException).code ?? '') ? 'gone' : 'unknown'
  }
}

/** Whether a regular file that belongs to us lies at a path; links are not followed. */
export async function isOwnFile(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  return stats?.isFile() === true && stats.uid === process.geteuid?.()
}

/** The real path of a folder that can be listed; else why it can't be. */
export async function realFolder(path: string): Promise<{ real: string } | { why: string }> {
  try {
    const real = await realpath(path)
    const handle = await open(real, FOLDER)
    await handle.close()
    return { real }
  } catch (error) {
    return { why: reasonOf(error) }
  }
}

/** What became of a file that was to be removed: its real path and the bytes that it held, null where there is none; or why it stays. */
export type Removal = { real: string; bytes: number | null } | { why: string }

/**
 * Removes a regular file that lies in a folder or below it. Nothing outside is
 * ever touched, whatever links there are and whoever renames what: the folder of
 * the file is held open, and is where it seems to be.
 *
 * @param base the folder; one that isn't there may only be not mounted, so that nothing in it counts as gone. The same goes for
 *   what lies in an empty folder: of those of the file the nearest that is there.
 * @param path of the file, below `base` as it is written.
 * @param options.isTrial look whether it could be, and leave it.
 * @param options.filled folders that held something, so that they are mounted though this emptied them; is added to.
 */
export async function removeFileIn(
  base: string,
  path: string,
  options: { isTrial: boolean; filled: Set<string> },
): Promise<Removal> {
  if (path.split('/').includes('..')) return { why: "its path holds '..'" }
  const folder = await realFolder(base)
  if ('why' in folder) return { why: `the folder ${base} ${folder.why}` }
  const name = basename(path)
  let real = path
  try {
    const parent = await realpath(dirname(path))
    if (!isWithin(parent, folder.real)) return { why: `it leads out of ${folder.real} by a link` }
    const handle = await open(parent, FOLDER)
    try {
      const held = `/proc/self/fd/${handle.fd}`
      if ((await readlink(held)) !== parent) return { why: 'its folder was moved at this very moment' }
      real = `${parent === '/' ? '' : parent}/${name}`
      const stats = await lstat(`${held}/${name}`)
      if (!stats.isFile()) return { why: stats.isSymbolicLink() ? 'it is a link' : 'it is no regular file' }
      const filled = [await idOfFolder(folder.real), await idOfFolder(parent)]
      if (!options.isTrial) await unlink(`${held}/${name}`)
      for (const id of filled) options.filled.add(id)
      return { real, bytes: stats.size }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return { why: reasonOf(error) }
  }
  const nearest = await nearestFolder(dirname(path), base)
  try {
    const isMounted = options.filled.has(await idOfFolder(nearest)) || !(await isEmpty(nearest))
    return isMounted ? { real, bytes: null } : { why: `the folder ${nearest} is empty: is it mounted?` }
  } catch (error) {
    return { why: `the folder ${nearest} ${reasonOf(error)}` }
  }
}

/** The first folder that is there, as far as one may know, from `folder` up to `base`; also a link that leads nowhere. */
async function nearestFolder(folder: string, base: string): Promise<string> {
  if (folder.length <= base.length) return base
  const error = await lstat(folder).catch((error: NodeJS.ErrnoException) => error)
  return 'code' in error && error.code === 'ENOENT' ? nearestFolder(dirname(folder), base) : folder
}

/** Tells a folder from what is there at the same path while it is not mounted. */
async function idOfFolder(path: string): Promise<string> {
  const { dev, ino } = await stat(path, { bigint: true })
  return `${dev} ${ino}`
}

async function isEmpty(folder: string): Promise<boolean> {
  const entries = await opendir(folder)
  try {
    return (await entries.read()) === null
  } finally {
    await entries.close()
  }
}

/** Says whether a real path is a folder or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist on this host',
  ENOTDIR: 'is no folder',
  EACCES: 'can not be read: permission denied',
  EPERM: 'permission denied',
  EROFS: 'is on a read-only filesystem',
}

function reasonOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return REASONS[code] ?? message
}
