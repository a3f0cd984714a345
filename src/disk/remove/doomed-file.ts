import { type BigIntStats, constants } from 'node:fs'
import { lstat, open, readlink, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import { isWithin, realFolder, reasonOf } from '../file/local-file.ts'
import { realPathOf } from '../file/real-path.ts'
import type { ImageFolders } from '../folder/image-folders.ts'
import { hashImageFile } from '../hash/checksums.ts'
import type { Watcher } from '../watcher.ts'
import { FOLDER, heldPath, holding } from './held.ts'

const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Milliseconds within which two changes of a file may have the same time: kernels before 6.13 count times in ticks. */
const TICK = 20

/** A file to be removed, as a row describes it. */
export interface DoomedFile {
  /** Folder of its storage. If it is missing, it may just not be mounted, so files in it do not count as removed. */
  base: string
  /** Path of the file, which begins with `base`. Links are not resolved. */
  path: string
  /** Bytes. */
  size: bigint
  /** Hex in lower case; empty if none is known. */
  md5: string
}

/** The MD5 of a file and the state of the file that has it (`stateOf`), or the reason why it cannot be read. */
export type Measured = { state: string; md5: string } | { why: string }

/**
 * Hashes a file to be removed, if its size is right and it is in an image folder.
 *
 * @returns undefined if there is nothing to hash; `setFileAside` then returns the reason.
 * @throws VdcError INTERRUPTED, TERMINATED.
 */
export async function measureFileIn(
  doomed: DoomedFile,
  folders: ImageFolders,
  watcher: Watcher,
): Promise<Measured | undefined> {
  return withDoomedFile(doomed, folders, async ({ real, held, stats }) => {
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

/** A name in an open folder. */
export interface Place {
  /** Real path of the file. */
  real: string
  /** Real path of its folder. */
  parent: string
  /** Real path of the storage's folder. */
  root: string
  /** Path of the file through the open folder. */
  held: string
}

/** A file that exists. */
export interface FoundFile extends Place {
  stats: BigIntStats
}

/**
 * Finds a doomed file in its folder, which is open and whose path was checked, and runs `work`.
 *
 * @returns undefined if there is no such file; otherwise the result of `work`, or the reason
 *   why it was not run.
 */
export async function withDoomedFile<T>(
  doomed: DoomedFile,
  folders: ImageFolders,
  work: (file: FoundFile) => Promise<T>,
): Promise<T | { why: string } | undefined> {
  return inFolderOf(doomed, folders, async (place) =>
    work({ ...place, stats: await lstat(place.held, { bigint: true }) }),
  )
}

/**
 * Opens the folder of a doomed file, checks its path, and runs `work`.
 *
 * @returns undefined if the folder, or the file that `work` needs, does not exist; otherwise
 *   the result of `work`, or the reason why it was not run.
 */
export async function inFolderOf<T>(
  { base, path }: DoomedFile,
  folders: ImageFolders,
  work: (place: Place) => Promise<T>,
): Promise<T | { why: string } | undefined> {
  if (path.split('/').includes('..')) return { why: "its path contains '..'" }
  const folder = await realFolder(base)
  if ('why' in folder) return { why: `the folder ${base} ${folder.why}` }
  const root = folder.real
  try {
    const parent = await realPathOf(dirname(path))
    const real = join(parent, basename(path))
    if (!isWithin(parent, root)) return { why: `a link in its path leads out of ${root}` }
    const why = folders.whyNot(real)
    if (why !== undefined) return { why }
    if ((await realpath(dirname(path))) !== parent) return { why: MOVED }
    return await holding(await open(parent, FOLDER), async (handle) => {
      if ((await readlink(heldPath(handle))) !== parent) return { why: MOVED }
      const held = `${heldPath(handle)}/${basename(path)}`
      return work({ real, parent, root, held })
    })
  } catch (error) {
    if (error instanceof VdcError) throw error
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { why: reasonOf(error) }
  }
}

/** The reason for keeping a file that changed during the removal. */
export const CHANGED = 'it changed while it was being checked'
/** The reason for keeping a file whose folder was moved. */
export const MOVED = 'its folder was moved at the same time'

/** The reason for keeping a file that was not hashed before, but could be now. */
export const NOT_MEASURED = 'another object shared it while files were being compared; run the purge again'

/** Returns the reason why a file is not the one that its row describes; undefined if it is. */
export function whyAnother(stats: BigIntStats, doomed: DoomedFile, measured: Measured | undefined): string | undefined {
  if (stats.size !== doomed.size) return `it has ${stats.size} bytes, but its row says ${doomed.size}`
  if (doomed.md5 === '') return 'its row has no checksum to compare it with'
  if (measured === undefined) return NOT_MEASURED
  if ('why' in measured) return measured.why
  if (measured.state !== stateOf(stats)) return CHANGED
  return measured.md5 === doomed.md5 ? undefined : `its MD5 is ${measured.md5}, but its row says ${doomed.md5}`
}

/** Returns a text that identifies a file and its contents: the time of the last change (ctime) cannot be set back. */
export function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

/** Waits until a further change of a file would change its time. Earlier changes are seen when the file is read next. */
async function outlast({ ctimeMs }: BigIntStats): Promise<void> {
  if (Date.now() - Number(ctimeMs) < TICK) await sleep(TICK)
}
