import { lstat, open, realpath, stat } from 'node:fs/promises'
import { FOLDER } from '../remove/held.ts'

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

/** Says whether a real path is a folder or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist on this host',
  ENOTDIR: 'is no folder',
  EACCES: 'cannot be read: permission denied',
  EPERM: 'permission denied',
  EROFS: 'is on a read-only filesystem',
}

/** A system error about a file or folder, in words that follow its name. */
export function reasonOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return REASONS[code] ?? message
}
