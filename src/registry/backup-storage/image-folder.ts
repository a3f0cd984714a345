import { normalize } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { realPathOf } from '../../disk/file/real-path.ts'
import { systemFolderOf } from '../../disk/folder/system-folders.ts'
import type { Registry } from '../registry.ts'
import { folderOf, pathOf } from './local-folders.ts'

/**
 * Refuses a base URI that leads to a folder of the operating system, by links as well, or anywhere by `..`.
 *
 * @throws VdcError VALUE_REFUSED that names the folder.
 */
export async function requireNoSystemFolder(baseUri: string): Promise<void> {
  const path = pathOf(baseUri)
  if (path === undefined) return
  if (path.split('/').includes('..')) {
    throw new VdcError('VALUE_REFUSED', `base_uri must not contain '..': ${baseUri}`, {
      hint: 'Give the folder itself',
    })
  }
  const folder = normalize(folderOf(path))
  const real = await realPathOf(folder).catch(() => folder)
  const system = [folder, real].find((each) => systemFolderOf(each) !== undefined)
  if (system === undefined) return
  throw new VdcError('VALUE_REFUSED', `base_uri leads to the system folder ${system}, which never holds images`, {
    hint: 'Use a folder for images alone, such as file:///var/lib/wakame-vdc/images/',
  })
}

/**
 * Notes that the folder of a storage holds images, as an operator of this host gave its base URI.
 * Without a slash at its end that is the beginning of file names: then files in folders below do not count.
 */
export async function noteStorageFolder(registry: Registry, baseUri: string): Promise<void> {
  const path = pathOf(baseUri)
  if (path === undefined) return
  const folder = normalize(folderOf(path))
  await registry.noteImageFolder(await realPathOf(folder).catch(() => folder), { below: path.endsWith('/') })
}
