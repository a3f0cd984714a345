import { normalize } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { realPathOf } from '../../disk/file/real-path.ts'
import { systemFolderOf } from '../../disk/folder/system-folders.ts'
import type { Registry } from '../registry.ts'
import { folderOf, pathOf } from './local-folders.ts'

/**
 * Refuses a base URI that contains `..` or leads to a system folder, directly or through symbolic links.
 *
 * @throws VdcError VALUE_REFUSED if it does; names the folder.
 */
export async function requireNoSystemFolder(baseUri: string): Promise<void> {
  const path = pathOf(baseUri)
  if (path === undefined) return
  if (path.split('/').includes('..')) {
    throw new VdcError('VALUE_REFUSED', `base_uri must not contain '..': ${baseUri}`, {
      hint: 'Give the path of the folder without ..',
    })
  }
  const folder = normalize(folderOf(path))
  const real = await realPathOf(folder).catch(() => folder)
  const system = [folder, real].find((each) => systemFolderOf(each) !== undefined)
  if (system === undefined) return
  throw new VdcError('VALUE_REFUSED', `base_uri leads to the system folder ${system}, which must not contain images`, {
    hint: 'Use a dedicated folder, for example file:///var/lib/wakame-vdc/images/',
  })
}

/**
 * Adds the folder of a storage to the image folders of this host, as a user of this host named it.
 * If the base URI does not end with a slash, it is a prefix of file names, and subfolders are not included.
 */
export async function noteStorageFolder(registry: Registry, baseUri: string): Promise<void> {
  const path = pathOf(baseUri)
  if (path === undefined) return
  const folder = normalize(folderOf(path))
  await registry.noteImageFolder(await realPathOf(folder).catch(() => folder), { below: path.endsWith('/') })
}
