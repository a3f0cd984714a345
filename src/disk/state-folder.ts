import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { makeFolders } from '../data-folder.ts'
import { foreignOn } from '../foreign-path.ts'

const SYSTEM_STATE = '/var/lib'
const NAME = 'vdc-manage'
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** Bits that let others change what is in a file or folder. */
const WRITABLE_BY_OTHERS = 0o022

/**
 * Names the folder for what this host knows and no registry does: of root
 * /var/lib/vdc-manage, of others $XDG_STATE_HOME/vdc-manage or
 * ~/.local/state/vdc-manage. Root honours an XDG_STATE_HOME to which root alone decides the way;
 * it never looks into HOME, which sudo may have kept.
 *
 * @returns undefined if there is no place for it.
 */
export function stateFolderPath(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { XDG_STATE_HOME: given = '', HOME: home = '' } = env
  const isRoot = process.geteuid?.() === 0
  if (isAbsolute(given) && (!isRoot || foreignOn(given) === undefined)) return join(given, NAME)
  if (isRoot) return join(SYSTEM_STATE, NAME)
  return isAbsolute(home) ? join(home, '.local', 'state', NAME) : undefined
}

/**
 * Opens the state folder, which must be ours and writable by nobody else.
 *
 * @param options.make creates it, 0700, if it does not exist.
 * @returns undefined if it does not exist.
 * @throws Error of the system, or one that says what is wrong with the folder.
 */
export async function openStateFolder(path: string, options: { make: boolean }): Promise<FileHandle | undefined> {
  if (options.make) makeFolders(path)
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
