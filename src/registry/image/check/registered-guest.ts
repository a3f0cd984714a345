import { VdcError } from '../../../core/errors.ts'
import { shellWord } from '../../../core/shell-word.ts'
import { closeImageFile, type ImageFile } from '../../../disk/file/image-file.ts'
import { readImageFolders } from '../../../disk/folder/image-folders.ts'
import { openInImageFolder } from '../../../disk/folder/open-in-image-folder.ts'
import type { Expectation } from '../../../disk/inspect/inspection.ts'
import type { ObjectDetails } from '../../backup-object/details.ts'
import { byIdOrName } from '../../names/by-id-or-name.ts'
import type { Registry } from '../../registry.ts'
import { describeImage, type ImageDetails } from '../details.ts'
import { imageDeleted } from '../find.ts'

/** An image whose boot file is available on this host. */
export type ImageOnHost = ImageDetails & { backup_object: ObjectDetails & { uri: string } }

/** What is done with a guest, which is also the name of the command. */
export type GuestWork = 'check' | 'try'

type ImageWork = GuestWork | 'export'

/**
 * Finds an image whose boot file is on this host.
 *
 * @param id with or without prefix, or a display name.
 * @param work for hints.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND; IMAGE_DELETED; OBJECT_… or STORAGE_NOT_FOUND if its boot
 *   file is not available; FILE_REFUSED if the file is not on this host.
 */
export async function imageOnHost(registry: Registry, id: string, work: ImageWork): Promise<ImageOnHost> {
  const { knex } = registry.database
  const image = await byIdOrName(knex, 'image', id, (uuid) => describeImage(registry, uuid, knex))
  if (image.state === 'deleted') throw imageDeleted(image.id, image)
  const object = requireObject(image)
  if (object.uri === null)
    throw new VdcError(
      'STORAGE_NOT_FOUND',
      `The storage of backup object ${object.id} of image ${image.id} is not registered`,
    )
  if (object.uri.startsWith('file:///')) return { ...image, backup_object: { ...object, uri: object.uri } }
  throw new VdcError('FILE_REFUSED', `The file of image ${image.id} is not on this host: ${object.uri}`, {
    hint:
      work === 'export'
        ? 'Export it on the host that has the file'
        : `Copy the file to this host, and ${work} the copy with: vdc-manage image ${work} PATH`,
  })
}

/** Returns the backup object that an image boots from, which must be available. */
function requireObject({ id, backup_object: object, backup_object_id: objectId }: ImageDetails): ObjectDetails {
  const hint = `Let the image boot from another one: vdc-manage image modify ${id} --backup-object-id bo-ID`
  if (object === null) {
    const what =
      objectId === null ? `Image ${id} has no backup object` : `Backup object ${objectId} of image ${id} does not exist`
    throw new VdcError('OBJECT_NOT_FOUND', what, { hint })
  }
  if (object.state === 'deleted' || object.state === 'purged')
    throw new VdcError('OBJECT_DELETED', `Backup object ${object.id} of image ${id} is ${object.state}`, { hint })
  if (object.state === 'available') return object
  throw new VdcError('OBJECT_CONFLICT', `Backup object ${object.id} of image ${id} is in state ${object.state}`, {
    hint: `Once its file is in place, run: vdc-manage backupobject modify ${object.id} --state available`,
  })
}

/** Returns what the boot file of an image must be: what is required, or else what is registered. */
export function registeredAs(image: ImageOnHost, { format, maxSize }: Expectation): Expectation {
  // What is registered is known to be no larger than what was allowed then.
  return { format: format ?? image.file_format, maxSize: maxSize ?? Number.MAX_SAFE_INTEGER }
}

/** Returns the hint for a file that is not as registered. */
export function verifyHint(id: string): string {
  return `See what differs with: vdc-manage image verify ${id}`
}

/**
 * Opens the boot file of an image for `work`, if it is in an image folder of this host, and always closes it.
 *
 * @param command for hints.
 * @throws VdcError FILE_REFUSED if it cannot be opened or is elsewhere; FILE_CHANGED if it has another size
 *   than registered.
 */
export async function withFileOfImage<T>(
  { id, backup_object: object }: ImageOnHost,
  command: ImageWork,
  work: (file: ImageFile) => Promise<T>,
): Promise<T> {
  const file = await openInImageFolder(object.uri.slice('file://'.length), await readImageFolders())
  try {
    if (BigInt(file.size) !== BigInt(object.allocation_size)) {
      throw new VdcError(
        'FILE_CHANGED',
        `The file ${file.path} of image ${id} has ${file.size} bytes, but ${object.allocation_size} are registered`,
        {
          hint:
            command === 'export'
              ? verifyHint(id)
              : `To ${command} it anyway, name the file: vdc-manage image ${command} ${shellWord(file.path)}`,
        },
      )
    }
    return await work(file)
  } finally {
    await closeImageFile(file)
  }
}
