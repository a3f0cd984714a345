import type { ImageDetails } from '../../registry/image/details.ts'
import { sharedObject } from '../../registry/image/register/shared-object.ts'
import type { Registry } from '../../registry/registry.ts'

/**
 * Returns a note that the file of a new image was registered before, and which images use it.
 *
 * @returns undefined if it was not, or if this cannot be determined: the image is stored anyway.
 */
export async function sharingOf(registry: Registry, image: ImageDetails | { id: string }): Promise<string | undefined> {
  const shared = 'backup_object' in image ? await sharedObject(registry, image).catch(() => undefined) : undefined
  if (shared === undefined) return undefined
  const others = shared.users === '' ? 'which no other image uses' : `which is also used by ${shared.users}`
  return `The file was registered before, as the backup object ${shared.id}, ${others}`
}
