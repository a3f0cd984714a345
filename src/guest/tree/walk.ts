import { type FoundFile, type GuestFiles, join } from './guest-files.ts'
import type { GuestPath } from './guest-path.ts'
import { shown } from './guest-path.ts'
import { Unreadable } from './undecided.ts'

/** Folders below a start folder. */
const DEEPEST = 8
/** Files and folders of one walk. */
const MOST = 20_000

/**
 * Yields the files below a folder, without following links.
 *
 * @throws Unreadable if there are too many of them, or a folder cannot be read.
 */
export async function* walk(files: GuestFiles, start: GuestPath): AsyncGenerator<FoundFile> {
  const found = await files.find(start)
  if (found?.stat.kind !== 'folder') return
  let left = MOST
  const folders: [path: GuestPath, depth: number][] = [[found.path, 0]]
  while (folders.length > 0) {
    const [folder, depth] = folders.pop() as [GuestPath, number]
    if (depth > DEEPEST) throw new Unreadable(`${shown(folder)} has folders that are nested too deeply`)
    for (const name of await files.names(folder)) {
      if (--left < 0) throw new Unreadable(`${shown(start)} has more than ${MOST} files`)
      const inside = await files.findLink(join(folder, name))
      if (inside?.stat.kind === 'folder') folders.push([inside.path, depth + 1])
      else if (inside?.stat.kind === 'file') yield inside
    }
  }
}
