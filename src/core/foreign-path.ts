import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'

/** Links that are followed on one path, as the kernel has it (path_resolution(7)). */
const LINKS = 40
const [WRITABLE_BY_GROUP, WRITABLE_BY_OTHERS, STICKY] = [0o020, 0o002, 0o1000]

/**
 * Says whether somebody other than root decides what a path leads to: each
 * folder and link on it, and on the way of its links, must belong to root, and
 * nobody else may write to the folders. In a sticky folder such as /tmp that is
 * allowed, as what belongs to root stays where it is.
 *
 * A path that only root can change can be used by its name: nothing is swapped
 * between this look and the use. Check a path that does not exist yet again
 * once it is made. The root folder itself is not looked at: whoever owns that has
 * the program and its libraries too.
 *
 * @param path absolute.
 * @param isTrusted whether the owner of a folder or link on the way is as good as root.
 * @returns why, naming the folder or link; undefined where only root does.
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
    try {
      const stats = lstatSync(next)
      if (!isTrusted(stats.uid, next)) return `${next} belongs to uid ${stats.uid}, not to root`
      if (stats.isSymbolicLink()) {
        if (++links > LINKS) return `${next} is a link that leads round in a circle`
        const target = readlinkSync(next)
        names.unshift(...target.split('/'))
        if (target.startsWith('/')) at = '/'
        continue
      }
      // The caller reports that it leads nowhere.
      if (!stats.isDirectory()) return undefined
      if (isWritableByOthers(stats)) return `users other than root can write to ${next}`
      at = next
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      // For example, a FUSE mount of its owner, which not even root may look at.
      return `${next} cannot be examined: ${code ?? message}`
    }
  }
  return undefined
}

/** Says whether others may rename and replace what is in a folder of root's. */
function isWritableByOthers({ gid, mode }: Stats): boolean {
  if ((mode & STICKY) !== 0) return false
  return (mode & WRITABLE_BY_OTHERS) !== 0 || ((mode & WRITABLE_BY_GROUP) !== 0 && gid !== 0)
}
