import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import { makePrivateFolder, removePrivateFolder } from '../folder/private-folder.ts'
import { holding, NEW_FILE } from '../remove/held.ts'

/** Creates a file without a name: open(2), O_TMPFILE. Node has no constant for the flag. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY
/** Error codes of filesystems and old kernels that do not support O_TMPFILE. */
const UNSUPPORTED = new Set(['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL', 'ENOENT'])

/** Returns the absolute path of the folder for temporary files. Not /tmp by default: the files may be large, and /tmp may be in memory. */
export function temporaryFolder(): string {
  return resolve(process.env.TMPDIR || '/var/tmp')
}

/**
 * Creates a temporary file without a name. No other user can open it, even if the folder
 * belongs to one, and its space is freed however this process ends.
 *
 * @throws VdcError FILE_NOT_WRITTEN if another user interferes; Error of the file system.
 */
export async function openNameless(): Promise<FileHandle> {
  return (await openUnnamed(temporaryFolder())) ?? openUnlinked(temporaryFolder())
}

/**
 * Creates a file without a name in a folder that only this user can change.
 *
 * @throws Error of the file system.
 */
export async function openNamelessIn(privateFolder: string): Promise<FileHandle> {
  return (await openUnnamed(privateFolder)) ?? openAndUnlink(privateFolder)
}

/** Creates a file that never has a name. Returns undefined if the filesystem does not support that. */
async function openUnnamed(folder: string): Promise<FileHandle | undefined> {
  try {
    return await open(folder, O_TMPFILE | constants.O_RDWR | constants.O_EXCL, 0o600)
  } catch (error) {
    if (UNSUPPORTED.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/**
 * Creates a file in a private folder and removes its name and the folder.
 *
 * @throws VdcError as `openNameless`.
 */
export async function openUnlinked(folder: string): Promise<FileHandle> {
  return holding(await open(folder, constants.O_RDONLY | constants.O_DIRECTORY), async (parent) => {
    const made = await makePrivateFolder(parent, 'vdc-manage-', folder)
    return holding(made.handle, async () => {
      try {
        return await openAndUnlink(made.path)
      } finally {
        await removePrivateFolder(parent, made)
      }
    })
  })
}

async function openAndUnlink(privateFolder: string): Promise<FileHandle> {
  const path = `${privateFolder}/bytes`
  const handle = await open(path, NEW_FILE, 0o600)
  await unlink(path)
  return handle
}
