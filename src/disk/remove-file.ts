import { type BigIntStats, constants } from 'node:fs'
import { lstat, open, opendir, readlink, realpath, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { VdcError } from '../errors.ts'
import { hashImageFile } from './checksums.ts'
import { FOLDER, heldPath, holding } from './held.ts'
import type { ImageFolders } from './image-folders.ts'
import { isWithin, realFolder, reasonOf } from './local-file.ts'
import { realPathOf } from './real-path.ts'
import type { Watcher } from './watcher.ts'

const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Milliseconds in which two changes of a file may have the same time: kernels before 6.13 count times in ticks. */
const TICK = 20

/** A file that is to be removed, as a row describes it. */
export interface DoomedFile {
  /** Folder of its storage. One that does not exist may only be not mounted, so nothing in it counts as gone. */
  base: string
  /** Below `base` as it is written. */
  path: string
  /** Bytes. */
  size: bigint
  /** Hex in lower case; empty if none is known. */
  md5: string
}

/** The MD5 of a file before it is removed, and which state of which inode has it; or why it cannot be read. */
export type Measured = { state: string; md5: string } | { why: string }

/** The outcome of a removal: the real path of the file and the bytes that it held, null if there was none; or why it stays. */
export type Removal = { real: string; bytes: number | null } | { why: string }

/**
 * Hashes a file that is to be removed, if its size is the right one and it lies in an image folder.
 *
 * @returns undefined if there is nothing to hash: `removeFileIn` tells why.
 * @throws VdcError INTERRUPTED, TERMINATED.
 */
export async function measureFileIn(
  doomed: DoomedFile,
  folders: ImageFolders,
  watcher: Watcher,
): Promise<Measured | undefined> {
  return inFolderOf(doomed, folders, async ({ real, held, stats }) => {
    if (!stats.isFile() || stats.size !== doomed.size || doomed.md5 === '') return undefined
    const handle = await open(held, FILE)
    try {
      const opened = await handle.stat({ bigint: true })
      if (stateOf(opened) !== stateOf(stats)) return { why: CHANGED }
      await outlast(opened)
      const file = { path: real, handle, size: Number(opened.size), opened }
      const { md5 } = await hashImageFile(file, watcher)
      return { state: stateOf(opened), md5 }
    } catch (error) {
      if (error instanceof VdcError && error.code !== 'FILE_REFUSED') throw error
      return { why: error instanceof VdcError ? CHANGED : reasonOf(error) }
    } finally {
      await handle.close()
    }
  })
}

/**
 * Removes a regular file that lies in a folder or below it, if it is what its row
 * says. Nothing outside is ever touched, whatever links there are and whoever
 * renames what: the folder of the file is held open, and is where it seems to be.
 *
 * Between the last look and the removal, whoever may rename in the folder can put
 * another name in the file's place. Only that name is lost then, and they could
 * have removed it themselves. Moving the file aside first, as conversions do, would
 * need room for a folder, and a full disk is why people purge.
 *
 * @param measured of this very file, before.
 * @param options.isTrial look whether it could be, and leave it.
 * @param options.filled folders that held something, so that they are mounted though this emptied them; is added to. An empty
 *   folder is most often not mounted: what lies there does not count as gone. Of the folders above a missing file the nearest counts.
 */
export async function removeFileIn(
  doomed: DoomedFile,
  folders: ImageFolders,
  measured: Measured | undefined,
  options: { isTrial: boolean; filled: Set<string> },
): Promise<Removal> {
  const removal = await inFolderOf(doomed, folders, async ({ real, held, parent, root, stats }) => {
    if (!stats.isFile()) return { why: stats.isSymbolicLink() ? 'it is a link' : 'it is not a regular file' }
    const why = whyAnother(stats, doomed, measured)
    if (why !== undefined) return { why }
    const filled = [await idOfFolder(root), await idOfFolder(parent)]
    if (stateOf(await lstat(held, { bigint: true })) !== stateOf(stats)) return { why: CHANGED }
    if (!options.isTrial) await unlink(held)
    for (const id of filled) options.filled.add(id)
    return { real, bytes: Number(stats.size) }
  })
  return removal ?? (await goneFrom(doomed, options.filled))
}

/** A file and the folder that it lies in, which is held open. */
interface Place {
  /** Real path of the file, of its folder, and of the storage's. */
  real: string
  parent: string
  root: string
  /** Path of the file by the open folder. */
  held: string
  stats: BigIntStats
}

/** @returns undefined if there is no such file; else what `work` returns, or why it isn't done. */
async function inFolderOf<T>(
  { base, path }: DoomedFile,
  folders: ImageFolders,
  work: (place: Place) => Promise<T>,
): Promise<T | { why: string } | undefined> {
  if (path.split('/').includes('..')) return { why: "its path holds '..'" }
  const folder = await realFolder(base)
  if ('why' in folder) return { why: `the folder ${base} ${folder.why}` }
  const root = folder.real
  try {
    const parent = await realPathOf(dirname(path))
    const real = join(parent, basename(path))
    if (!isWithin(parent, root)) return { why: `it leads out of ${root} by a link` }
    const why = folders.whyNot(real)
    if (why !== undefined) return { why }
    if ((await realpath(dirname(path))) !== parent) return { why: MOVED }
    return await holding(await open(parent, FOLDER), async (handle) => {
      if ((await readlink(heldPath(handle))) !== parent) return { why: MOVED }
      const held = `${heldPath(handle)}/${basename(path)}`
      return work({ real, parent, root, held, stats: await lstat(held, { bigint: true }) })
    })
  } catch (error) {
    if (error instanceof VdcError) throw error
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { why: reasonOf(error) }
  }
}

const CHANGED = 'it changed while it was looked at'
const MOVED = 'its folder was moved at the same time'

/** Why a file is not the one that its row describes. */
function whyAnother(stats: BigIntStats, doomed: DoomedFile, measured: Measured | undefined): string | undefined {
  if (stats.size !== doomed.size) return `it has ${stats.size} bytes, and its row says ${doomed.size}`
  if (doomed.md5 === '') return 'its row has no checksum to compare it with'
  if (measured === undefined) return 'another object shared it while files were being compared; purge again'
  if ('why' in measured) return measured.why
  if (measured.state !== stateOf(stats)) return CHANGED
  return measured.md5 === doomed.md5 ? undefined : `its MD5 is ${measured.md5}, and its row says ${doomed.md5}`
}

/** Tells a file and what it holds from any other: the time of its last change cannot be set back. */
function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

/** Waits until another change of a file would give it another time; a change before that is part of what is read next. */
async function outlast({ ctimeMs }: BigIntStats): Promise<void> {
  if (Date.now() - Number(ctimeMs) < TICK) await sleep(TICK)
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
