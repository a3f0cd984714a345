import type { Edit } from '../prepare/edit.ts'
import { type GuestFiles, join } from '../tree/guest-files.ts'
import { folderOf, type GuestPath, nameOf, shown } from '../tree/guest-path.ts'
import { Unreadable } from '../tree/undecided.ts'

/**
 * Yields the edits that make a file with a text and a mode, and none if it is there.
 *
 * @throws Unreadable if there is something else in the place of one of its folders.
 */
export async function* writing(
  files: GuestFiles,
  path: GuestPath,
  text: string,
  mode: number,
  what: string,
): AsyncGenerator<Edit> {
  const place = await placeOf(files, path)
  const stat = (await files.findLink(place))?.stat
  const isFile = stat?.kind === 'file'
  if (isFile && stat.mode === mode && stat.size === text.length && (await files.text(place)) === text) return
  // Nothing is written through a link, or to a device.
  if (stat !== undefined && !isFile) yield { action: 'remove', path: place, what }
  yield { action: 'write', path: place, text, mode, what }
}

/**
 * Yields the edits that make a link, and none if there is one that leads to the same place.
 *
 * @throws Unreadable as `writing` does.
 */
export async function* linking(
  files: GuestFiles,
  path: GuestPath,
  target: GuestPath,
  what: string,
): AsyncGenerator<Edit> {
  const place = await placeOf(files, path)
  const kind = (await files.findLink(place))?.stat.kind
  const aim = target.startsWith('/') ? target : join(folderOf(place), target)
  if (kind === 'link' && (await files.leadsTo(place)) === (await files.leadsTo(aim))) return
  if (kind === 'folder') yield { action: 'remove', path: place, what }
  yield { action: 'link', path: place, target, what }
}

/** Returns a path whose folders have no links, also if they do not exist. */
async function placeOf(files: GuestFiles, path: GuestPath): Promise<GuestPath> {
  const folder = await files.leadsTo(folderOf(path))
  for (let at = folder; at !== '/'; at = folderOf(at)) {
    const kind = (await files.findLink(at))?.stat.kind ?? 'folder'
    if (kind !== 'folder') throw new Unreadable(`${shown(at)} is a ${kind}, not a folder`)
  }
  return join(folder, nameOf(path))
}
