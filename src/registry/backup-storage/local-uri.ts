import { VdcError } from '../../core/errors.ts'
import { firstBadCharacter, nameOfCharacter } from './uri.ts'

/** Characters in `backup_storages.base_uri` and `backup_objects.object_key`. */
const MAX_LENGTH = 255

/**
 * Returns the URI of a file on this host in the form that the agents read.
 *
 * @param path absolute and resolved.
 * @throws VdcError FILE_REFUSED if the path contains a character that a URI must escape; names the first one.
 */
export function localUri(path: string): string {
  const bad = firstBadCharacter(path)
  if (bad !== undefined) {
    throw new VdcError(
      'FILE_REFUSED',
      `The path ${path} contains ${nameOfCharacter(bad)}, which a URI must escape: the image could never boot`,
      {
        hint: 'Rename the file or its folder; use only letters, digits and -._~',
      },
    )
  }
  return `file://${path}`
}

/**
 * Returns the base_uri of a new storage for a file: the URI of its folder, with a slash at the end.
 *
 * @throws VdcError FILE_REFUSED if it is longer than 255 characters.
 */
export function folderUri(uri: string): string {
  const folder = uri.slice(0, uri.lastIndexOf('/') + 1)
  if (folder.length > MAX_LENGTH)
    throw new VdcError(
      'FILE_REFUSED',
      `The folder ${folder} is too long for a base URI: ${folder.length} characters, at most ${MAX_LENGTH} are allowed`,
    )
  return folder
}

/** Returns every prefix of a URI that could be the base_uri of a storage. The longest one leaves an object key of one character. */
export function possibleBaseUris(uri: string): string[] {
  const bases: string[] = []
  for (let length = 'file://'.length; length < Math.min(uri.length, MAX_LENGTH + 1); length++)
    bases.push(uri.slice(0, length))
  return bases
}

/** Returns whether the object key of a file in a storage would fit its column. */
export function isKeyable(uri: string, baseUri: string): boolean {
  return uri.length - baseUri.length <= MAX_LENGTH
}

/**
 * Returns the object key of a file in a storage: the rest of its URI after base_uri.
 *
 * @throws VdcError FILE_REFUSED if the key is longer than 255 characters.
 */
export function objectKeyIn(uri: string, baseUri: string): string {
  const key = uri.slice(baseUri.length)
  if (key.length > MAX_LENGTH)
    throw new VdcError(
      'FILE_REFUSED',
      `File ${uri} is too deep below ${baseUri}: its object key has ${key.length} characters, at most ${MAX_LENGTH} are allowed`,
    )
  return key
}
