import type { BigIntStats } from 'node:fs'
import { type FileHandle, mkdtemp, open, opendir, rmdir, unlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { FOLDER, heldPath, isOnlyOurs, isSameInode } from '../remove/held.ts'

/** An open folder that only this user can change. The owner of the parent folder can rename it. */
export interface PrivateFolder {
  handle: FileHandle
  /** Its path for this process, through the handle. */
  path: string
  /** The name under which it was created. */
  name: string
}

/** Entries of a private folder at most. A folder with more belongs to somebody else. */
const MOST_ENTRIES = 16

/**
 * Creates a folder that only this user can change. The owner of the parent folder can
 * replace it at any moment, so it is checked after it is opened.
 *
 * @param prefix of its name.
 * @param parentName path of the parent folder, for messages.
 * @throws VdcError FILE_NOT_WRITTEN if another user interferes; Error of the system.
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

/** Returns true if a folder belongs to this user, is closed to other users, and is not a mount point. */
export function isPrivate(stats: BigIntStats, around: BigIntStats): boolean {
  if (stats.uid !== BigInt(process.geteuid?.() ?? -1) || stats.dev !== around.dev) return false
  // On filesystems such as FAT, all folders have the same mode. If that excludes other users, they cannot have replaced it.
  return (stats.mode & 0o777n) === 0o700n || (isOnlyOurs(around) && isOnlyOurs(stats))
}

/**
 * Removes a private folder and the files in it. Doesn't remove the folder if it was renamed or
 * has subfolders, and removes nothing if it has more entries than a private folder can have.
 *
 * @param last name of the file to remove last.
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
  // If another user replaces it with an empty folder at this moment, only that folder is lost.
  if (isSameInode(ours, there)) await rmdir(place).catch(() => {})
}

/** Returns the first `limit` names in a folder; none if it cannot be read. */
async function namesIn(path: string, limit: number): Promise<string[]> {
  const names: string[] = []
  try {
    for await (const entry of await opendir(path)) {
      if (names.push(entry.name) >= limit) break
    }
  } catch {
    // The folder was removed.
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
    `Nothing was written in ${parentName}: another user is changing this folder`,
    { hint: 'Use a folder that only you can change; on NFS, one without root squashing', cause },
  )
}
