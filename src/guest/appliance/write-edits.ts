import { randomBytes } from 'node:crypto'
import { VdcError } from '../../core/errors.ts'
import type { Edit } from '../prepare/edit.ts'
import { join } from '../tree/guest-files.ts'
import { bytesOf, folderOf, type GuestPath, shown } from '../tree/guest-path.ts'
import type { GuestStat } from '../tree/guest-tree.ts'
import { INPUT } from './command-line.ts'
import { CommandFailed, type Guestfish } from './guestfish.ts'
import { statIn } from './stat-answers.ts'

/**
 * Makes edits in a guest whose filesystems are mounted for writing, and writes them to the disk. Blocks of
 * deleted files are overwritten with zeros, where the filesystem can tell which they are.
 *
 * @throws VdcError FILE_NOT_WRITTEN, for example if a filesystem is full or damaged.
 */
export async function writeEdits(guestfish: Guestfish, edits: readonly Edit[]): Promise<void> {
  const errors = await errorCounts(guestfish)
  for (const edit of edits)
    await make(guestfish, edit).catch((error: unknown) => {
      throw notChanged(`${shown(edit.path)} in the guest cannot be changed`, error)
    })
  try {
    await guestfish.run('sync')
    await discardAsZeros(guestfish)
    for (const place of (await guestfish.run('mountpoints')).matchAll(/^.*: (\/.*)$/gm))
      await guestfish.run('fstrim', place[1] as string).catch(ignoreUnsupported)
    await guestfish.run('umount-all')
  } catch (error) {
    throw notChanged(NOT_WRITTEN, error)
  }
  if ((await errorCounts(guestfish)) !== errors)
    throw new VdcError('FILE_NOT_WRITTEN', `${NOT_WRITTEN}: the host reported errors`, {
      hint: 'Check the free space of the folder of the new file, or use another folder',
    })
}

const NOT_WRITTEN = 'The changes of the guest cannot be written to its disk'

/**
 * Returns how many commands of the disks failed. The kernel writes in the background, and a program that
 * syncs need not learn that it could not.
 */
function errorCounts(guestfish: Guestfish): Promise<string> {
  return guestfish.run('debug', 'sh', 'cat /sys/class/scsi_device/*/device/ioerr_cnt')
}

/** What to do about errors of the system, by their messages. */
const HINTS: readonly [message: RegExp, hint: string][] = [
  [/No space left on device$/, 'Free space in the guest first'],
  [
    /Operation not permitted$/,
    'Run chattr -ia on it in the guest first, or leave it out with the option --skip of image prepare',
  ],
  [/Read-only file system$|Input\/output error$|Structure needs cleaning$/, 'Run fsck in the guest first'],
]

function notChanged(what: string, error: unknown): unknown {
  if (!(error instanceof CommandFailed)) return error
  const hint = HINTS.find(([message]) => message.test(error.message))?.[1]
  return new VdcError('FILE_NOT_WRITTEN', `${what}: ${shown(error.message)}`, { hint, cause: error })
}

async function make(guestfish: Guestfish, edit: Edit): Promise<void> {
  const { path } = edit
  if (edit.action === 'remove') {
    await guestfish.run('rm-rf', path)
    return
  }
  const stat = await statOf(guestfish, path)
  if (stat === undefined) await guestfish.run('mkdir-p', folderOf(path))
  // Anything but a file would be followed or written to.
  if (stat !== undefined && (edit.action === 'link' || stat.kind !== 'file')) await guestfish.run('rm-f', path)
  if (edit.action === 'link') {
    await guestfish.run('ln-s', edit.target, path)
    return
  }
  // An existing file keeps its owner, mode and attributes.
  if (stat?.kind === 'file' && stat.links > 1) await replace(guestfish, path, edit.text)
  else await guestfish.upload(bytesOf(edit.text), 'upload', INPUT, path)
  if (edit.mode !== undefined) await guestfish.run('chmod', `0${edit.mode.toString(8)}`, path)
}

/** Puts a file in the place of one that has other names, which keep the contents. */
async function replace(guestfish: Guestfish, path: GuestPath, text: string): Promise<void> {
  const aside = join(folderOf(path), `.vdc-manage-${randomBytes(8).toString('hex')}`)
  await guestfish.upload(bytesOf(text), 'upload', INPUT, aside)
  await guestfish.run('copy-attributes', path, aside, 'all:true')
  await guestfish.run('rename', aside, path)
}

/** Returns the properties of what is at a path; undefined if nothing is. */
async function statOf(guestfish: Guestfish, path: GuestPath): Promise<(GuestStat & { links: number }) | undefined> {
  try {
    return statIn(await guestfish.run('lstatns', path))
  } catch (error) {
    if (error instanceof CommandFailed && /: No such file or directory$/.test(error.message)) return undefined
    throw error
  }
}

/**
 * Has the kernel of the virtual machine write zeros where it would discard blocks. Discarding frees whole
 * clusters of a qcow2 file only, and leaves what was in parts of them.
 */
async function discardAsZeros(guestfish: Guestfish): Promise<void> {
  const script = 'for mode in /sys/class/scsi_disk/*/provisioning_mode; do echo writesame_16 > $mode || exit; done'
  await guestfish.run('debug', 'sh', script)
}

/** Some filesystems, such as reiserfs, cannot tell which blocks are free. */
function ignoreUnsupported(error: unknown): void {
  if (!(error instanceof CommandFailed) || !/not supported|Inappropriate ioctl/.test(error.message)) throw error
}
