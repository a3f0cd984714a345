import type { BackupObjectRow } from '../../db/tables/rows.ts'
import type { DoomedFile } from '../../disk/remove/doomed-file.ts'
import { folderOf } from '../backup-storage/local-folders.ts'

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
