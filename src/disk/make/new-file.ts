import { lstat, open } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { notWritten } from '../file/write-error.ts'
import { withWorkFolder } from '../folder/work-folder.ts'
import { heldPath, holding, NEW_FILE } from '../remove/held.ts'
import { exists, moveIntoPlace, withOutputPlace } from './output-place.ts'

/** A file that is written when its bytes are known. */
export interface NewFile {
  /**
   * Writes the file. It appears when it is complete.
   *
   * @throws VdcError FILE_EXISTS, FILE_NOT_WRITTEN.
   */
  write(bytes: Uint8Array): Promise<void>
}

/**
 * Runs `work` that writes a new file at its end. What would prevent that is found out before.
 *
 * @param options.mode its mode, without what the umask removes. Default: only this user can read it.
 * @throws VdcError FILE_EXISTS if something has the name; FILE_NOT_WRITTEN; errors of `work`.
 */
export async function withNewFile<T>(
  path: string,
  work: (file: NewFile) => Promise<T>,
  { mode = 0o600 }: { mode?: number } = {},
): Promise<T> {
  return withOutputPlace(path, async (place) => {
    const there = await lstat(`${heldPath(place.folder)}/${place.name}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || path.endsWith('/')) throw notWritten(path, error)
    })
    if (there !== undefined) throw exists(place.path)
    return work({
      write: (bytes) =>
        withWorkFolder(place, async (folder) => {
          const made = `${folder.path}/${place.name}`
          try {
            await holding(await open(made, NEW_FILE, mode), (handle) => handle.writeFile(bytes))
            await moveIntoPlace(made, place)
          } catch (error) {
            throw error instanceof VdcError ? error : notWritten(place.path, error)
          }
        }),
    })
  })
}
