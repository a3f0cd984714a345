import { lstat, open, realpath, stat } from 'node:fs/promises'
import { FOLDER } from '../remove/held.ts'

/** The result of looking for a file: its real path; `gone` if there is no file; `unknown` if that cannot be found out. */
export type FileState = { real: string } | 'gone' | 'unknown'

const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

/** Looks for a file. Follows links, as the hypervisor agents do. */
export async function lookForFile(path: string): Promise<FileState> {
  try {
    const real = await realpath(path)
    return (await stat(real)).isFile() ? { real } : 'gone'
  } catch (error) {
    return GONE.has((error as NodeJS.ErrnoException).code ?? '') ? 'gone' : 'unknown'
  }
}

/** Returns true if a path is a regular file that belongs to this user. Doesn't follow links. */
export async function isOwnFile(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  return stats?.isFile() === true && stats.uid === process.geteuid?.()
}

/** Returns the real path of a folder, or the reason why it cannot be listed. */
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

/** Returns true if a real path is the folder or is below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist on this host',
  ENOTDIR: 'is not a folder',
  EACCES: 'cannot be read: permission denied',
  EPERM: 'permission denied',
  EROFS: 'is on a read-only filesystem',
}

/** Returns a text for a system error about a file or folder, to follow its name in a message. */
export function reasonOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return REASONS[code] ?? message
}
