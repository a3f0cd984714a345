import { type FileHandle, open } from 'node:fs/promises'
import { makeOwnFolder } from '../../core/data-folder.ts'
import { FOLDER } from '../remove/held.ts'

/** Mode bits that let other users write to a file or folder. */
const WRITABLE_BY_OTHERS = 0o022

/**
 * Opens the state folder (`findStateFolder`). It must belong to this user, and no other user
 * may be able to write to it.
 *
 * @param options.make create it with mode 0700 if it does not exist.
 * @returns undefined if it does not exist.
 * @throws Error, of the system or with the reason why the folder is refused.
 */
export async function openStateFolder(path: string, options: { make: boolean }): Promise<FileHandle | undefined> {
  if (options.make) makeOwnFolder(path)
  let handle: FileHandle
  try {
    handle = await open(path, FOLDER)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    await requireOurs(handle, path)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * Checks that an open file or folder belongs to this user and that no other user can write to it.
 *
 * @throws Error with the reason if not.
 */
export async function requireOurs(handle: FileHandle, path: string): Promise<void> {
  const { uid, mode } = await handle.stat()
  if (uid !== process.geteuid?.()) throw new Error(`${path} belongs to another user`)
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw new Error(`${path} can be written to by other users`)
}
