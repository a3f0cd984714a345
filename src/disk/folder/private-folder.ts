import type { BigIntStats } from 'node:fs'
import { type FileHandle, mkdtemp, open, opendir, rmdir, unlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { FOLDER, heldPath, isOnlyOurs, isSameInode } from '../remove/held.ts'

/** A folder that only we can change, held open. Its name may be changed by whoever owns the folder around it. */
export interface PrivateFolder {
  handle: FileHandle
  /** Its path for this process. */
  path: string
  /** The name that it was made under. */
  name: string
}

/** Most entries that a folder of ours has; one with more is somebody else's. */
const MOST_ENTRIES = 16

/**
 * Makes a folder that only we can change. Whoever owns the folder around it may
 * put another in its place at any moment, so it is checked after it is opened.
 *
 * @param parent the folder around it.
 * @param prefix what its name begins with.
 * @param parentName what people call the folder around it.
 * @throws VdcError FILE_NOT_WRITTEN if somebody interferes; Error of the system.
 */
export async function makePrivateFolder(
  parent: FileHandle,
  prefix: string,
  parentName: string,
): Promise<PrivateFolder> {
  const made = await mkdtemp(`${heldPath(parent)}/${prefix}`)
  const handle = await open(made, FOLDER).catch((error: NodeJS.ErrnoException) => {
    throw ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(error.code ?? '') ? interference(parentName, error) : error
  })
  try {
    const path = heldPath(handle)
    const [around, stats] = await Promise.all([parent.stat({ bigint: true }), handle.stat({ bigint: true })])
    if (!isPrivate(stats, around) || (await namesIn(path, 1)).length > 0) throw interference(parentName)
    return { handle, path, name: basename(made) }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Says whether a folder is as we make it: ours, closed to others, and no mount point. */
export function isPrivate(stats: BigIntStats, around: BigIntStats): boolean {
  if (stats.uid !== BigInt(process.geteuid?.() ?? -1) || stats.dev !== around.dev) return false
  // FAT and the like have one mode for all folders: there, nobody else can have put another in its place either.
  return (stats.mode & 0o777n) === 0o700n || (isOnlyOurs(around) && isOnlyOurs(stats))
}

/**
 * Removes a folder of ours with the files in it, unless it was renamed. Nothing
 * below it is touched, and nothing if it has more entries than we make.
 *
 * @param last name of the file in it that goes last.
 */
export async function removePrivateFolder(parent: FileHandle, folder: PrivateFolder, last?: string): Promise<void> {
  const names = await namesIn(folder.path, MOST_ENTRIES + 1)
  if (names.length > MOST_ENTRIES) return
  const ordered = [...names.filter((name) => name !== last), ...names.filter((name) => name === last)]
  for (const name of ordered) await unlink(`${folder.path}/${name}`).catch(() => {})
  const place = `${heldPath(parent)}/${folder.name}`
  const [ours, there] = await Promise.all([
    statOf(folder.handle),
    open(place, FOLDER).then(statAndClose, () => undefined),
  ])
  // An empty folder that is put there at this very moment is the loss of whoever did so.
  if (isSameInode(ours, there)) await rmdir(place).catch(() => {})
}

/** The first `limit` names in a folder; none if it cannot be read. */
async function namesIn(path: string, limit: number): Promise<string[]> {
  const names: string[] = []
  try {
    for await (const entry of await opendir(path)) {
      if (names.push(entry.name) >= limit) break
    }
  } catch {
    // It is gone.
  }
  return names
}

function statOf(handle: FileHandle): Promise<BigIntStats> {
  return handle.stat({ bigint: true })
}

async function statAndClose(handle: FileHandle): Promise<BigIntStats> {
  try {
    return await statOf(handle)
  } finally {
    await handle.close()
  }
}

function interference(parentName: string, cause?: unknown): VdcError {
  return new VdcError(
    'FILE_NOT_WRITTEN',
    `Nothing was written in ${parentName}: somebody else is changing this folder`,
    { hint: 'Use a folder that only you can change; on NFS, one that does not squash root', cause },
  )
}
