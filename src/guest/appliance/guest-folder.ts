import { lstat, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { isAlive } from '../../core/is-alive.ts'
import { systemError } from '../../core/system-error.ts'
import { temporaryFolder } from '../../disk/file/temporary-file.ts'
import { isPrivate } from '../../disk/folder/private-folder.ts'
import { isOnlyOurs } from '../../disk/remove/held.ts'

/** With this bit of a folder's mode, only the owner of a file in it can rename or remove the file. */
const STICKY = 0o1000n

/**
 * Runs `work` with a temporary folder, and removes it and those of killed processes.
 *
 * @throws VdcError FILE_NOT_WRITTEN if it cannot be created; errors of `work`.
 */
export async function withGuestFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  return withFolderFor('guest', (folder) => rm(folder, { recursive: true, force: true }), work)
}

/**
 * Runs `work` with a temporary folder as `withGuestFolder` does.
 *
 * @param purpose a word for its name.
 * @param remove removes a folder with all that is in it.
 * @throws VdcError FILE_NOT_WRITTEN if it cannot be created; errors of `work` and `remove`.
 */
export async function withFolderFor<T>(
  purpose: string,
  remove: (folder: string) => Promise<unknown>,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const parent = temporaryFolder()
  const folder = await makeFolder(parent, `vdc-manage-${purpose}-`, remove)
  try {
    return await work(folder)
  } finally {
    await remove(folder)
  }
}

/** @param prefix the start of the names of such folders. What follows is the process ID. */
async function makeFolder(
  parent: string,
  prefix: string,
  remove: (folder: string) => Promise<unknown>,
): Promise<string> {
  try {
    await removeLeftOvers(parent, prefix, remove)
    return await mkdtemp(join(parent, `${prefix}${process.pid}-`))
  } catch (error) {
    const reason = systemError((error as NodeJS.ErrnoException).code)
    throw new VdcError('FILE_NOT_WRITTEN', `No temporary folder can be created in ${parent}: ${reason}`, {
      hint: 'Set TMPDIR to a folder with enough space',
      cause: error,
    })
  }
}

async function removeLeftOvers(
  parent: string,
  prefix: string,
  remove: (folder: string) => Promise<unknown>,
): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(prefix) ? Number(/^(\d+)-\w+$/.exec(name.slice(prefix.length))?.[1]) : 0
    const path = join(parent, name)
    if (pid > 0 && !isAlive(pid) && (await isSafe(path, parent))) await remove(path)
  }
}

/** Returns true if a folder is this user's, and no other user can change what it holds or replace it. */
async function isSafe(path: string, parent: string): Promise<boolean> {
  try {
    const [folder, around] = [await lstat(path, { bigint: true }), await stat(parent, { bigint: true })]
    return folder.isDirectory() && isPrivate(folder, around) && (isOnlyOurs(around) || (around.mode & STICKY) !== 0n)
  } catch {
    // Another process has removed it.
    return false
  }
}
