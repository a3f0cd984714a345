import type { BackupObjectRow } from '../../db/tables/rows.ts'
import type { DoomedFile } from '../../disk/remove/doomed-file.ts'
import { folderOf, type LocalPlace } from '../backup-storage/local-folders.ts'

/**
 * Describes the file of an object, for its removal by a purge.
 *
 * @param base path of the object's storage, to which the key is appended.
 */
export function doomedFile(base: string, object: BackupObjectRow): DoomedFile {
  return {
    base: folderOf(base),
    path: base + object.object_key,
    size: BigInt(object.allocation_size),
    md5: object.checksum.toLowerCase(),
  }
}

/** Returns the location of an object's storage; undefined if it is not a file storage. */
export function placeOf(places: readonly LocalPlace[], object: BackupObjectRow): LocalPlace | undefined {
  return places.find(({ storage }) => storage.id === object.backup_storage_id)
}
