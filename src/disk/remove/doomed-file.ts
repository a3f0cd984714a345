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

/**
 * Hashes a file that is to be removed, if its size is the right one and it lies in an image folder.
 *
 * @returns undefined if there is nothing to hash: `setFileAside` tells why.
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

/** A name of a file and the folder that it lies in, which is held open. */
export interface Place {
  /** Real path of the file, of its folder, and of the storage's. */
  real: string
  parent: string
  root: string
  /** Path of the file by the open folder. */
  held: string
}

/** A file that is there. */
export interface FoundFile extends Place {
  stats: BigIntStats
}

/**
 * Looks at a doomed file in its folder, which is held open and is where it seems to be.
 *
 * @returns undefined if there is no such file; else what `work` returns, or why it isn't done.
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
 * Holds the folder of a doomed file open.
 *
 * @returns undefined if it, or what `work` looks for, is not there; else what `work` returns, or why it isn't done.
 */
export async function inFolderOf<T>(
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
      return work({ real, parent, root, held })
    })
  } catch (error) {
    if (error instanceof VdcError) throw error
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { why: reasonOf(error) }
  }
}

/** Why a file stays that is not what it was a moment ago. */
export const CHANGED = 'it changed while it was looked at'
/** Why a file stays whose folder is not where it was. */
export const MOVED = 'its folder was moved at the same time'

/** Why a file stays that could not be hashed before, and can be now. */
export const NOT_MEASURED = 'another object shared it while files were being compared; purge again'

/** Why a file is not the one that its row describes; undefined if it is. */
export function whyAnother(stats: BigIntStats, doomed: DoomedFile, measured: Measured | undefined): string | undefined {
  if (stats.size !== doomed.size) return `it has ${stats.size} bytes, and its row says ${doomed.size}`
  if (doomed.md5 === '') return 'its row has no checksum to compare it with'
  if (measured === undefined) return NOT_MEASURED
  if ('why' in measured) return measured.why
  if (measured.state !== stateOf(stats)) return CHANGED
  return measured.md5 === doomed.md5 ? undefined : `its MD5 is ${measured.md5}, and its row says ${doomed.md5}`
}

/** Tells a file and what it holds from any other: the time of its last change cannot be set back. */
export function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

/** Waits until another change of a file would give it another time; a change before that is part of what is read next. */
async function outlast({ ctimeMs }: BigIntStats): Promise<void> {
  if (Date.now() - Number(ctimeMs) < TICK) await sleep(TICK)
}
