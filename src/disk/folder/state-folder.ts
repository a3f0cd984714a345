import { type FileHandle, open } from 'node:fs/promises'
import { makeOwnFolder } from '../../core/data-folder.ts'
import { FOLDER } from '../remove/held.ts'

/** Bits that let others change what is in a file or folder. */
const WRITABLE_BY_OTHERS = 0o022

/**
 * Opens the state folder (`findStateFolder`), which must be ours and writable by nobody else.
 *
 * @param options.make creates it, 0700, if it does not exist.
 * @returns undefined if it does not exist.
 * @throws Error of the system, or one that says what is wrong with the folder.
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
 * Makes sure that an open file or folder belongs to this user and that nobody else can write to it.
 *
 * @throws Error that says why not.
 */
export async function requireOurs(handle: FileHandle, path: string): Promise<void> {
  const { uid, mode } = await handle.stat()
  if (uid !== process.geteuid?.()) throw new Error(`${path} belongs to another user`)
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw new Error(`${path} can be written to by other users`)
}
