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
 * The result of a removal: the real path and the size of the file (null if there was no file), or
 * the reason why the file is kept. The caller must remove a file that was set aside, or put it back.
 */
export type Removal = { real: string; bytes: number | null; aside?: AsideFile } | { why: string }

/** The reason for keeping a file that another purge has set aside. */
export const ASIDE = 'another purge has set it aside'

/**
 * Sets a regular file aside if it matches its row: hides it in the storage's folder until the
 * caller knows whether it must be removed. Never touches a file outside the storage's folder,
 * even if there are links or another user renames folders: the folder of the file is open, and
 * its path was checked.
 *
 * @param measured the MD5 of the same file, measured before.
 * @param options.uuid of the backup object, to find the file again after a SIGKILL.
 * @param options.isTrial only check whether the file could be set aside.
 * @param options.filled folders that were not empty, so they are mounted even if removals emptied
 *   them. This function adds to them. An empty folder may not be mounted, so files that are missing
 *   there do not count as removed. For a missing file, the nearest existing folder counts.
 */
export async function setFileAside(
  doomed: DoomedFile,
  folders: ImageFolders,
  measured: Measured | undefined,
  options: { uuid: string; isTrial: boolean; filled: Set<string> },
): Promise<Removal> {
  const removal = await withDoomedFile(doomed, folders, async (file): Promise<Removal> => {
    const why = whyKept(file, doomed, measured)
    return why === undefined ? setFoundAside(file, options) : { why }
  })
  if (removal !== undefined) return removal
  // Another purge may put the file back between the two looks, which then both miss it.
  const isBack = async () => (await withDoomedFile(doomed, folders, async () => true)) !== undefined
  if ((await isAside(doomed, folders, options.uuid)) || (await isBack())) return { why: ASIDE }
  return goneFrom(doomed, options.filled)
}

/** Returns the reason for keeping a file that is not a regular file, or does not match its row; undefined if there is none. */
function whyKept({ stats }: FoundFile, doomed: DoomedFile, measured: Measured | undefined): string | undefined {
  if (stats.isSymbolicLink()) return 'it is a link'
  if (!stats.isFile()) return 'it is not a regular file'
  return whyAnother(stats, doomed, measured)
}

/** Sets a file aside (`setFileAside`), unless it has changed since it was found. */
async function setFoundAside(
  file: FoundFile,
  options: { uuid: string; isTrial: boolean; filled: Set<string> },
): Promise<Removal> {
  const { real, held, parent, root, stats } = file
  const filled = [await idOfFolder(root), await idOfFolder(parent)]
  if (stateOf(await lstat(held, { bigint: true })) !== stateOf(stats)) return { why: CHANGED }
  const aside = options.isTrial ? undefined : await moveAside(file, options.uuid)
  if (!options.isTrial && aside === undefined) return { why: CHANGED }
  for (const id of filled) options.filled.add(id)
  const found = { real, bytes: Number(stats.size) }
  return aside === undefined ? found : { ...found, aside }
}

/** Moves a file aside into the storage's folder, or into its own folder if that is not possible. */
async function moveAside(file: FoundFile, uuid: string): Promise<AsideFile | undefined> {
  try {
    return await AsideFile.of(...(await openFolders(file, file.root)), uuid, file.stats)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!['EXDEV', 'EACCES', 'EPERM', 'EROFS'].includes(code ?? '') || file.root === file.parent) throw error
    return AsideFile.of(...(await openFolders(file, file.parent)), uuid, file.stats)
  }
}

/** Returns true if a purge has set this file aside, in the storage's folder or in its own. */
async function isAside(doomed: DoomedFile, folders: ImageFolders, uuid: string): Promise<boolean> {
  const found = await inFolderOf(doomed, folders, async ({ root, parent }) => {
    for (const folder of [root, parent])
      if ((await lstat(join(folder, asideName(uuid))).catch(() => undefined)) !== undefined) return true
    return false
  })
  return found === true
}

/**
 * Settles a file that was set aside by a purge that was then killed: removes it if its object
 * was purged, or else puts it back.
 *
 * @param left the uuid of the backup object, and the state in which the file was found. If the
 *   state differs now, a running purge has set the file aside, and settles it itself.
 * @returns the reason why the file stays aside; undefined if it does not.
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

/** Returns the names and states (`stateOf`) of the files that are set aside in a storage's folder; none if it cannot be read. */
export async function asidesIn(base: string): Promise<{ name: string; state: string }[]> {
  const asides: { name: string; state: string }[] = []
  try {
    for await (const { name } of await opendir(base)) {
      const stats = isAsideName(name) && (await lstat(join(base, name), { bigint: true }).catch(() => undefined))
      if (stats) asides.push({ name, state: stateOf(stats) })
    }
  } catch {
    // The error is reported for each file that is to be removed.
  }
  return asides
}

/** Opens the folder of a file and another folder of its storage. The caller must close them. */
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

/** Returns the first folder from `folder` up to `base` that exists or cannot be examined. A dangling link counts as existing. */
async function nearestFolder(folder: string, base: string): Promise<string> {
  if (folder.length <= base.length) return base
  const error = await lstat(folder).catch((error: NodeJS.ErrnoException) => error)
  return 'code' in error && error.code === 'ENOENT' ? nearestFolder(dirname(folder), base) : folder
}

/** Returns a text that identifies a folder. A mount point has another identity while nothing is mounted there. */
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
