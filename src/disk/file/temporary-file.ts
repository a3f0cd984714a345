import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { makePrivateFolder, removePrivateFolder } from '../folder/private-folder.ts'
import { holding, NEW_FILE } from '../remove/held.ts'

/** Makes a file without a name: open(2), O_TMPFILE. Node has no name for the flag. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY
/** Error codes of filesystems and old kernels that do not support it. */
const UNSUPPORTED = new Set(['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL', 'ENOENT'])

/** The folder of temporary files: what goes there may be large, and /tmp may be memory. */
export function temporaryFolder(): string {
  return process.env.TMPDIR || '/var/tmp'
}

/**
 * Makes a temporary file that has no name, so that nobody else can reach it, and
 * its space is free however this process ends. The folder may be a stranger's.
 *
 * @throws VdcError FILE_NOT_WRITTEN if somebody interferes; Error of the file system.
 */
export async function openNameless(): Promise<FileHandle> {
  return (await openUnnamed(temporaryFolder())) ?? openUnlinked(temporaryFolder())
}

/**
 * Makes a file without a name in a folder that only we can change.
 *
 * @throws Error of the file system.
 */
export async function openNamelessIn(privateFolder: string): Promise<FileHandle> {
  return (await openUnnamed(privateFolder)) ?? openAndUnlink(privateFolder)
}

/** A file that never had a name; undefined if the filesystem cannot do that. */
async function openUnnamed(folder: string): Promise<FileHandle | undefined> {
  try {
    return await open(folder, O_TMPFILE | constants.O_RDWR | constants.O_EXCL, 0o600)
  } catch (error) {
    if (UNSUPPORTED.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/**
 * Makes a file that has lost its name already, in a folder that had only us in it.
 *
 * @throws as `openNameless`.
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
