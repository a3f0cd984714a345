import { type FileHandle, open } from 'node:fs/promises'
import { notWritten } from '../file/write-error.ts'
import type { PrivateFolder } from '../folder/private-folder.ts'
import { NEW_FILE } from '../remove/held.ts'
import type { OutputPlace } from './output-place.ts'

/**
 * Creates an empty file in a work folder, which only we can access. The caller closes it.
 *
 * @param place where the file will be moved; names it in errors.
 * @throws VdcError FILE_NOT_WRITTEN.
 */
export async function newWorkFile(
  folder: PrivateFolder,
  place: OutputPlace,
): Promise<{ path: string; handle: FileHandle }> {
  const path = `${folder.path}/${place.name}`
  const handle = await open(path, NEW_FILE, 0o600).catch((error) => {
    throw notWritten(place.path, error)
  })
  return { path, handle }
}
