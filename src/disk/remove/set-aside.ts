import { constants } from 'node:fs'
import { type FileHandle, lstat, open, opendir, readlink, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { reasonOf } from '../file/local-file.ts'
import { realPathOf } from '../file/real-path.ts'
import type { ImageFolders } from '../folder/image-folders.ts'
import { AsideFile, asideName, isAsideName } from './aside-file.ts'
import {
  CHANGED,
  type DoomedFile,
  type FoundFile,
  inFolderOf,
  type Measured,
  MOVED,
  type Place,
  stateOf,
  whyAnother,
  withDoomedFile,
} from './doomed-file.ts'
import { FOLDER, heldPath } from './held.ts'

/**
 * The outcome of a removal: the real path of the file and the bytes that it held, null if there was none; or why
 * it stays. One that was set aside is to be removed for good, or put back.
 */
export type Removal = { real: string; bytes: number | null; aside?: AsideFile } | { why: string }

/** Why a file stays that another purge has set aside, which is not settled yet. */
export const ASIDE = 'another purge has set it aside'

/**
 * Sets a regular file aside that lies in a folder or below it, if it is what its row
 * says: hidden in the storage's folder, until its caller knows whether it is to go.
 * Nothing outside is ever touched, whatever links there are and whoever
 * renames what: the folder of the file is held open, and is where it seems to be.
 *
 * @param measured of this very file, before.
 * @param options.uuid of the backup object, by which the file is found again after a SIGKILL.
 * @param options.isTrial look whether it could be, and leave it.
 * @param options.filled folders that held something, so that they are mounted though this emptied them; is added to. An empty
 *   folder is most often not mounted: what lies there does not count as gone. Of the folders above a missing file the nearest counts.
 */
export async function setFileAside(
  doomed: DoomedFile,
  folders: ImageFolders,
  measured: Measured | undefined,
  options: { uuid: string; isTrial: boolean; filled: Set<string> },
): Promise<Removal> {
  const removal = await withDoomedFile(doomed, folders, async (file): Promise<Removal> => {
    const { real, held, parent, root, stats } = file
    if (!stats.isFile()) return { why: stats.isSymbolicLink() ? 'it is a link' : 'it is not a regular file' }
    const why = whyAnother(stats, doomed, measured)
    if (why !== undefined) return { why }
    const filled = [await idOfFolder(root), await idOfFolder(parent)]
    if (stateOf(await lstat(held, { bigint: true })) !== stateOf(stats)) return { why: CHANGED }
    const found = { real, bytes: Number(stats.size) }
    const aside = options.isTrial ? undefined : await moveAside(file, options.uuid)
    if (!options.isTrial && aside === undefined) return { why: CHANGED }
    for (const id of filled) options.filled.add(id)
    return aside === undefined ? found : { ...found, aside }
  })
  if (removal !== undefined) return removal
  return (await isAside(doomed, folders, options.uuid)) ? { why: ASIDE } : goneFrom(doomed, options.filled)
}

/** In the folder of its storage; where that can't be, in its own. */
async function moveAside(file: FoundFile, uuid: string): Promise<AsideFile | undefined> {
  try {
    return await AsideFile.of(...(await openFolders(file, file.root)), uuid, file.stats)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!['EXDEV', 'EACCES', 'EPERM', 'EROFS'].includes(code ?? '') || file.root === file.parent) throw error
    return AsideFile.of(...(await openFolders(file, file.parent)), uuid, file.stats)
  }
}

/** Whether a purge has this file aside, in the folder of its storage or in its own. */
async function isAside(doomed: DoomedFile, folders: ImageFolders, uuid: string): Promise<boolean> {
  const found = await inFolderOf(doomed, folders, async ({ root, parent }) => {
    for (const folder of [root, parent])
      if ((await lstat(join(folder, asideName(uuid))).catch(() => undefined)) !== undefined) return true
    return false
  })
  return found === true
}

/**
 * Gives a file its name back that a purge set aside which was killed before it knew
 * whether the file was to go; or removes it, if its object was purged.
 *
 * @param left the uuid of its backup object, and the state that it was found in: in
 *   any other it was set aside anew, by a purge that runs and settles it itself.
 * @returns why it stays aside; undefined if it does not.
 */
export async function settleAside(
  doomed: DoomedFile,
  folders: ImageFolders,
  left: { uuid: string; state: string },
  isPurged: boolean,
): Promise<string | undefined> {
  const settled = await inFolderOf(doomed, folders, async (place) => {
    const aside = await AsideFile.leftOver(...(await openFolders(place, place.root)), left.uuid)
    if (aside.state !== left.state) {
      await aside.leave()
      return {}
    }
    if (isPurged) return (await aside.remove()) ? {} : { why: CHANGED }
    return (await aside.putBack()) ? {} : { why: `another file is at ${doomed.path}` }
  })
  return settled !== undefined && 'why' in settled ? settled.why : undefined
}

/** The files that are set aside in a storage's folder, by their names, and their states (`stateOf`); none if it cannot be read. */
export async function asidesIn(base: string): Promise<{ name: string; state: string }[]> {
  const asides: { name: string; state: string }[] = []
  try {
    for await (const { name } of await opendir(base)) {
      const stats = isAsideName(name) && (await lstat(join(base, name), { bigint: true }).catch(() => undefined))
      if (stats) asides.push({ name, state: stateOf(stats) })
    }
  } catch {
    // That it cannot be read is told of each file that is to go.
  }
  return asides
}

/** Opens the folder of a file, and another one of its storage, for somebody who closes them. */
async function openFolders(place: Place, other: string): Promise<[{ folder: FileHandle; name: string }, FileHandle]> {
  const folder = await open(`${dirname(place.held)}/.`, constants.O_RDONLY | constants.O_DIRECTORY)
  if (other === place.parent) return [{ folder, name: basename(place.real) }, folder]
  try {
    const root = await open(other, FOLDER)
    if ((await readlink(heldPath(root))) === other) return [{ folder, name: basename(place.real) }, root]
    await root.close()
    throw Object.assign(new Error(MOVED), { code: 'EXDEV' })
  } catch (error) {
    await folder.close()
    throw error
  }
}

async function goneFrom({ base, path }: DoomedFile, filled: ReadonlySet<string>): Promise<Removal> {
  const nearest = await nearestFolder(dirname(path), base)
  try {
    const isMounted = filled.has(await idOfFolder(nearest)) || !(await isEmpty(nearest))
    if (!isMounted) return { why: `the folder ${nearest} is empty: is it mounted?` }
    return { real: join(await realPathOf(dirname(path)), basename(path)), bytes: null }
  } catch (error) {
    return { why: `the folder ${nearest} ${reasonOf(error)}` }
  }
}

/** The first folder from `folder` up to `base` that exists or cannot be examined; a dangling link counts as one. */
async function nearestFolder(folder: string, base: string): Promise<string> {
  if (folder.length <= base.length) return base
  const error = await lstat(folder).catch((error: NodeJS.ErrnoException) => error)
  return 'code' in error && error.code === 'ENOENT' ? nearestFolder(dirname(folder), base) : folder
}

/** Identifies a folder: another one is at the same path while it is not mounted. */
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
