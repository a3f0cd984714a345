import { resolve } from 'node:path'
import { VdcError } from '../core/errors.ts'
import { realFolder } from '../disk/file/local-file.ts'
import { addImageFolder, type ImageFolder, readImageFolders, removeImageFolder } from '../disk/folder/image-folders.ts'
import { systemFolderOf } from '../disk/folder/system-folders.ts'
import type { Told } from './happened.ts'
import type { ImageFolderDetails } from './results/image-folder.ts'

/**
 * Adds a folder to the list of folders of this host that hold images. Never throws,
 * because the image is already registered. Warns if the folder is a system folder or the
 * list cannot be written: `image verify` and `image purge` then leave its files alone.
 *
 * @param path the folder's real path.
 */
export async function noteImageFolder(
  path: string,
  options: { below: boolean },
  warn: (text: string) => void,
): Promise<void> {
  const consequence = 'image verify and image purge will leave its files alone'
  if (systemFolderOf(path) !== undefined) return warn(`${path} is a system folder: ${consequence}`)
  await addImageFolder(path, options).catch((error: Error) => {
    warn(`${path} could not be added to the image folders of this host: ${error.message}; ${consequence}`)
  })
}

/**
 * Lists the folders of this host that hold images.
 *
 * @throws VdcError FILE_REFUSED if the list cannot be used.
 */
export async function listImageFolders(): Promise<ImageFolderDetails[]> {
  return (await usableList()).map(present)
}

/**
 * Reads the list of image folders of this host.
 *
 * @throws VdcError FILE_REFUSED if the list cannot be used.
 */
async function usableList(): Promise<ImageFolder[]> {
  const { all, problem } = await readImageFolders()
  if (problem === undefined) return all
  throw new VdcError('FILE_REFUSED', `The list of image folders cannot be used: ${problem}`, {
    hint: 'Make this user the owner of the file and its folder, with modes 0600 and 0700; or remove the file and trust the folders again',
  })
}

/**
 * Adds a folder of this host, with all folders below it, to the list of image folders.
 *
 * @param path absolute or relative; links are resolved.
 * @throws VdcError VALUE_REFUSED if it is not a folder or is a system folder;
 *   FILE_NOT_WRITTEN if the list cannot be written.
 */
export async function trustFolder(path: string): Promise<Told<ImageFolderDetails>> {
  const folder = await realFolder(resolve(path))
  if ('why' in folder) throw new VdcError('VALUE_REFUSED', `The folder ${path} ${folder.why}`)
  const { real } = folder
  if (systemFolderOf(real) !== undefined) {
    throw new VdcError('VALUE_REFUSED', `${real} is a system folder, which never holds images`, {
      hint: 'Name the folder that contains the images',
    })
  }
  const before = (await readImageFolders()).all
  await addImageFolder(real, { below: true }).catch((error) => {
    throw notListed(real, error)
  })
  const { all } = await readImageFolders()
  const isKnown = before.some((each) => each.below && (each.path === real || real.startsWith(`${each.path}/`)))
  return {
    result: present(all.find((each) => each.path === real) ?? coveringFolder(all, real)),
    happened: {
      ...{ kind: 'imageFolder', id: real },
      ...(isKnown ? { what: 'unchanged', why: 'trusted' } : { what: 'trusted' }),
    },
  }
}

/**
 * Removes a folder from the list of image folders; its files are kept.
 *
 * @param path as listed, or a path that leads to it.
 * @throws VdcError VALUE_REFUSED if it is not in the list; FILE_REFUSED if the list cannot
 *   be used; FILE_NOT_WRITTEN if it cannot be written.
 */
export async function untrustFolder(path: string): Promise<Told<ImageFolderDetails>> {
  const all = await usableList()
  const folder = await realFolder(resolve(path))
  const names = [resolve(path), ...('real' in folder ? [folder.real] : [])]
  const known = all.find((each) => names.includes(each.path))
  if (known === undefined) {
    throw new VdcError('VALUE_REFUSED', `${path} is not in the list of image folders`, {
      hint: 'List the image folders with: vdc-manage backupstorage trust',
    })
  }
  await removeImageFolder(known.path).catch((error) => {
    throw notListed(known.path, error)
  })
  return { result: present(known), happened: { kind: 'imageFolder', id: known.path, what: 'untrusted' } }
}

/** Returns the listed folder that covers a folder below it. */
function coveringFolder(all: readonly ImageFolder[], path: string): ImageFolder {
  return all.find((each) => each.below && path.startsWith(`${each.path}/`)) as ImageFolder
}

function notListed(path: string, error: Error): VdcError {
  return new VdcError(
    'FILE_NOT_WRITTEN',
    `The list of image folders could not be changed for ${path}: ${error.message}`,
    {
      cause: error,
    },
  )
}

function present({ path, below, addedAt }: ImageFolder): ImageFolderDetails {
  return { path, below, added_at: addedAt }
}
