import { constants } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** The folder of temporary files: what goes there may be large, and /tmp may be memory. */
export function temporaryFolder(): string {
  return process.env.TMPDIR || '/var/tmp'
}

/**
 * Makes a temporary file that has lost its name already: however this process
 * ends, its space is free then.
 *
 * @throws Error of the file system.
 */
export async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(join(temporaryFolder(), 'vdc-manage-'))
  try {
    return await open(join(folder, 'bytes'), constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  } finally {
    await rm(folder, { recursive: true })
  }
}
