import { VdcError } from '../../core/errors.ts'
import type { Edit } from '../prepare/edit.ts'
import { bytesOf, folderOf, shown } from '../tree/guest-path.ts'
import { INPUT } from './command-line.ts'
import { CommandFailed, type Guestfish } from './guestfish.ts'

/**
 * Makes edits in a guest whose filesystems are mounted for writing, and writes them to the disk. Blocks of
 * deleted files are discarded, where the filesystem and the format of the disk can do that.
 *
 * @throws VdcError FILE_NOT_WRITTEN, for example if a filesystem is full or damaged.
 */
export async function writeEdits(guestfish: Guestfish, edits: readonly Edit[]): Promise<void> {
  for (const edit of edits) {
    try {
      await make(guestfish, edit)
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      const message = `${shown(edit.path)} in the guest cannot be changed: ${shown(error.message)}`
      throw new VdcError('FILE_NOT_WRITTEN', message, { cause: error })
    }
  }
  await guestfish.run('sync')
  for (const place of (await guestfish.run('mountpoints')).matchAll(/^.*: (\/.*)$/gm))
    await guestfish.run('fstrim', place[1] as string).catch(ignoreFailed)
  await guestfish.run('umount-all')
}

async function make(guestfish: Guestfish, edit: Edit): Promise<void> {
  const { path } = edit
  if (edit.action === 'remove') {
    await guestfish.run('rm-rf', path)
    return
  }
  await guestfish.run('mkdir-p', folderOf(path))
  if (edit.action === 'link') {
    await guestfish.run('rm-f', path)
    await guestfish.run('ln-s', edit.target, path)
    return
  }
  // An existing file keeps its owner, mode and attributes. Anything else would be followed or written to.
  if ((await guestfish.run('is-file', path)).trim() !== 'true') await guestfish.run('rm-f', path)
  await guestfish.upload(bytesOf(edit.text), 'upload', INPUT, path)
  if (edit.mode !== undefined) await guestfish.run('chmod', `0${edit.mode.toString(8)}`, path)
}

function ignoreFailed(error: unknown): void {
  if (!(error instanceof CommandFailed)) throw error
}
