import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import { systemError } from './system-error.ts'

/** Most symbolic links followed in one path, as in the kernel (path_resolution(7)). */
const MOST_LINKS = 40
const WRITABLE_BY_GROUP = 0o020
const WRITABLE_BY_OTHERS = 0o002
const STICKY = 0o1000

/**
 * Checks whether users other than root can change what a path leads to. Every folder and
 * symbolic link in the path, and in the targets of the links, must belong to root, and
 * nobody else may have write permission for the folders. Sticky folders such as /tmp may
 * be writable, as others cannot replace root's files in them.
 *
 * A path that only root can change is safe to use by name, as nobody can swap it after
 * the check. Check a path that does not exist yet again after it is created. The root
 * folder is not checked, as its owner controls the program and its libraries too.
 *
 * @param path absolute.
 * @param isTrusted returns whether the owner of a folder or link is trusted like root.
 * @returns the reason, naming the folder or link; undefined if only root can change it.
 */
export function foreignOn(
  path: string,
  isTrusted: (uid: number, path: string) => boolean = (uid) => uid === 0,
): string | undefined {
  const names = path.split('/')
  let at = '/'
  let links = 0
  while (names.length > 0) {
    const name = names.shift() as string
    if (name === '..') at = dirname(at)
    if (['', '.', '..'].includes(name)) continue
    const next = join(at, name)
    const step = examine(next, isTrusted)
    // The caller reports that the path leads nowhere.
    if (step === undefined) return undefined
    if ('why' in step) return step.why
    if (step.target === undefined) {
      at = next
      continue
    }
    if (++links > MOST_LINKS) return `${next} is part of a loop of symbolic links`
    names.unshift(...step.target.split('/'))
    if (step.target.startsWith('/')) at = '/'
  }
  return undefined
}

/**
 * Examines one folder or symbolic link of a path.
 *
 * @returns the target of a link; `why` if others can change the folder or link; undefined
 *   if it does not exist or is a file.
 */
function examine(
  path: string,
  isTrusted: (uid: number, path: string) => boolean,
): { target?: string } | { why: string } | undefined {
  try {
    const stats = lstatSync(path)
    if (!isTrusted(stats.uid, path)) return { why: `${path} belongs to uid ${stats.uid}, not to root` }
    if (stats.isSymbolicLink()) return { target: readlinkSync(path) }
    if (!stats.isDirectory()) return undefined
    return isWritableByOthers(stats) ? { why: `users other than root can write to ${path}` } : {}
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    // For example, a FUSE mount, which only its owner may access.
    return { why: `${path} cannot be examined: ${code === undefined ? message : systemError(code)}` }
  }
}

/** Returns whether users other than root can rename and replace the contents of a folder of root. */
function isWritableByOthers({ gid, mode }: Stats): boolean {
  if ((mode & STICKY) !== 0) return false
  return (mode & WRITABLE_BY_OTHERS) !== 0 || ((mode & WRITABLE_BY_GROUP) !== 0 && gid !== 0)
}
