import type { ImageDetails } from '../../registry/image/details.ts'
import { sharedObject } from '../../registry/image/register/shared-object.ts'
import type { Registry } from '../../registry/registry.ts'
import { printable } from '../terminal/escape.ts'

/**
 * Returns a note that the file of a new image was registered before, and which images use it.
 *
 * @param isOneOf the image is one of several, so the file is named.
 * @returns undefined if it was not, or if this cannot be determined: the image is stored anyway.
 */
export async function sharingOf(
  registry: Registry,
  image: ImageDetails | { id: string },
  isOneOf: boolean,
): Promise<string | undefined> {
  const shared = 'backup_object' in image ? await sharedObject(registry, image).catch(() => undefined) : undefined
  if (shared === undefined) return undefined
  const others = shared.users === '' ? 'which no other image uses' : `which is also used by ${shared.users}`
  const file = isOneOf && 'backup_object' in image ? fileOf(image) : 'The file'
  return `${file} was registered before, as the backup object ${shared.id}, ${others}`
}

/** Returns the path of the file, or the ID of the image if the file is not on this host. */
function fileOf({ id, backup_object: object }: ImageDetails): string {
  const uri = object?.uri ?? ''
  return uri.startsWith('file:///') ? printable(uri.slice('file://'.length)) : `The file of ${id}`
}
