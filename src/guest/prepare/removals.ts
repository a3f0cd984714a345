import type { GuestFiles } from '../tree/guest-files.ts'
import type { GuestPath } from '../tree/guest-path.ts'
import type { Edit } from './edit.ts'

/**
 * Returns the edits that remove a file by its name. If the name is a link, the link is removed; the file that
 * it leads to only if it is in the folder `within`, because it may be a file that the guest needs.
 *
 * @throws Undecided if the name cannot be followed.
 */
export async function removalsOf(files: GuestFiles, path: GuestPath, within: GuestPath): Promise<Edit[]> {
  const named = await files.findLink(path)
  if (named === undefined) return []
  const paths = [named.path]
  if (named.stat.kind === 'link') {
    const target = await files.find(path)
    if (target?.stat.kind === 'file' && target.path.startsWith(within === '/' ? '/' : `${within}/`))
      paths.push(target.path)
  }
  return paths.map((each) => ({ action: 'remove', path: each }))
}
