import { constants, type Stats } from 'node:fs'
import { chmod, chown, lstat, mkdir, open, rm, symlink } from 'node:fs/promises'
import { holding } from '../../../disk/remove/held.ts'
import type { Edit } from '../../prepare/edit.ts'
import { bytesOf, folderOf, type GuestPath } from '../../tree/guest-path.ts'

const REPLACE = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/**
 * Changes a file of a guest that is unpacked in a folder, which no other process changes. The folders of the path have
 * no links (`Edit`).
 *
 * @throws Error of the system.
 */
export async function writeEdit(root: string, edit: Edit): Promise<void> {
  const path = pathIn(root, edit.path)
  if (edit.action === 'remove') return rm(path, { recursive: true, force: true })
  await mkdir(pathIn(root, folderOf(edit.path)), { recursive: true, mode: 0o755 })
  const before = await lstat(path).catch(() => undefined)
  if (edit.action === 'link') {
    await rm(path, { force: true })
    return symlink(bytesOf(edit.target), path)
  }
  await writeText(path, before, edit.text, edit.mode)
}

async function writeText(
  path: Buffer,
  before: Stats | undefined,
  text: string,
  mode: number | undefined,
): Promise<void> {
  const isFile = before?.isFile() === true
  // Other names of a file keep its contents.
  const isReplaced = !isFile || before.nlink > 1
  if (isReplaced) await rm(path, { force: true })
  const file = await open(path, isReplaced ? CREATE : REPLACE, 0o600)
  await holding(file, () => file.writeFile(bytesOf(text)))
  if (isFile && isReplaced) await chown(path, before.uid, before.gid)
  await chmod(path, mode ?? (isFile ? before.mode & 0o7777 : 0o644))
}

/** Returns the path on this host of a path in a guest. */
export function pathIn(root: string, path: GuestPath): Buffer {
  return Buffer.concat([Buffer.from(root), bytesOf(path)])
}
