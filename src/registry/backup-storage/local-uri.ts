import { VdcError } from '../../core/errors.ts'
import { firstBadCharacter, nameOfCharacter } from './uri.ts'

/** Characters that `backup_storages.base_uri` and `backup_objects.object_key` hold. */
const MAX_LENGTH = 255

/**
 * Makes the URI of a file on this host, as the agents read it.
 *
 * @param path absolute and resolved.
 * @throws VdcError FILE_REFUSED that names the first character that a URI can't hold.
 */
export function localUri(path: string): string {
  const bad = firstBadCharacter(path)
  if (bad !== undefined) {
    throw new VdcError(
      'FILE_REFUSED',
      `The path ${path} holds ${nameOfCharacter(bad)}, which a URI must escape: the image would register and never boot`,
      {
        hint: 'Rename the file or its folder to letters, digits and -._~',
      },
    )
  }
  return `file://${path}`
}

/** The base_uri of a new storage for a file: the URI of its folder, with the slash at its end. */
export function folderUri(uri: string): string {
  const folder = uri.slice(0, uri.lastIndexOf('/') + 1)
  if (folder.length > MAX_LENGTH)
    throw new VdcError(
      'FILE_REFUSED',
      `The folder ${folder} is too long for a base URI: ${folder.length} characters, ${MAX_LENGTH} at most`,
    )
  return folder
}

/** Every text that is a prefix of the URI and may be a storage's base_uri; the longest leaves an object key of one character. */
export function possibleBaseUris(uri: string): string[] {
  const bases: string[] = []
  for (let length = 'file://'.length; length < Math.min(uri.length, MAX_LENGTH + 1); length++)
    bases.push(uri.slice(0, length))
  return bases
}

/** Says whether a file is near enough to a base URI for the key that it would have there. */
export function isKeyable(uri: string, baseUri: string): boolean {
  return uri.length - baseUri.length <= MAX_LENGTH
}

/** The object key of a file in a storage: what base_uri leaves of its URI. */
export function objectKeyIn(uri: string, baseUri: string): string {
  const key = uri.slice(baseUri.length)
  if (key.length > MAX_LENGTH)
    throw new VdcError(
      'FILE_REFUSED',
      `The file ${uri} is too deep below ${baseUri}: its key has ${key.length} characters, ${MAX_LENGTH} at most`,
    )
  return key
}
