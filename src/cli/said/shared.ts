import type { ImageDetails } from '../../registry/image/details.ts'
import { sharedObject } from '../../registry/image/register/shared-object.ts'
import type { Registry } from '../../registry/registry.ts'
import { writeNote } from '../terminal/output.ts'

/** Says to a person that the file of a new image was registered before, and who uses it. Ignores errors, as the image is stored. */
export async function saySharing(registry: Registry, image: ImageDetails | { id: string }): Promise<void> {
  if (!('backup_object' in image)) return
  const shared = await sharedObject(registry, image).catch(() => undefined)
  if (shared === undefined) return
  const others = shared.users === '' ? 'which no other image uses' : `which is also used by ${shared.users}`
  await writeNote(`The file was registered before, as the backup object ${shared.id}, ${others}`)
}
