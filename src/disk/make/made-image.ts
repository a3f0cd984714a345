import { lstat } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { type ImageFile, imageFileOf } from '../file/image-file.ts'
import { notWritten } from '../file/write-error.ts'
import type { PrivateFolder } from '../folder/private-folder.ts'
import type { Inspection } from '../inspect/inspection.ts'
import { isSameInode } from '../remove/held.ts'
import { moveIntoPlace, type OutputPlace, removeFromPlace } from './output-place.ts'

/** The name in the work folder under which a file is checked before it is removed. */
const ASIDE = '.vdc-manage-aside'

/** The result of a conversion, open and inspected. It is in the work folder until it is moved into place. */
export class MadeImage {
  /** Its path is the final one. */
  readonly file: ImageFile
  readonly inspection: Inspection
  readonly #place: OutputPlace
  readonly #folder: PrivateFolder
  readonly #mode: number

  /** @param mode of the source: users who can read the source can read the result. */
  constructor(file: ImageFile, inspection: Inspection, place: OutputPlace, folder: PrivateFolder, mode: number) {
    this.file = file
    this.inspection = inspection
    this.#place = place
    this.#folder = folder
    this.#mode = mode
  }

  /**
   * Moves the file into place. Never replaces another file.
   *
   * @returns the file in its place, with the same descriptor.
   * @throws VdcError FILE_EXISTS, FILE_NOT_WRITTEN. Then the file is not in its place.
   */
  async moveIntoPlace(): Promise<ImageFile> {
    const { handle, path } = this.file
    try {
      // Other users may not write to it, because it may be registered.
      await handle.chmod(this.#mode & 0o644)
      await handle.sync()
      await moveIntoPlace(`${this.#folder.path}/${this.#place.name}`, this.#place)
      try {
        await this.#place.folder.sync()
        const made = await imageFileOf(path, handle)
        const there = await lstat(path, { bigint: true }).catch(() => undefined)
        if (isSameInode(there, made.opened)) return made
        throw new VdcError(
          'FILE_NOT_WRITTEN',
          `${path} cannot be written: another program moved it or its folder at the same time`,
        )
      } catch (error) {
        await this.removeFromPlace()
        throw error
      }
    } catch (error) {
      throw error instanceof VdcError ? error : notWritten(path, error)
    }
  }

  /** Removes the file from its place. Doesn't remove another file that has replaced it. */
  async removeFromPlace(): Promise<void> {
    await removeFromPlace(this.file.handle, this.#place, `${this.#folder.path}/${ASIDE}`)
  }
}
