import type { Queryable } from '../../db/database.ts'
import { selectStoragesOfFiles } from '../../db/tables/backup-storages.ts'
import type { BackupStorageRow } from '../../db/tables/rows.ts'
import type { Lock } from '../../db/transactions/locks.ts'
import { realFolder } from '../../disk/file/local-file.ts'
import { canonicalId } from '../rules/identifiers.ts'

/** The location of a file storage on this host. */
export interface LocalPlace {
  storage: BackupStorageRow
  /** Canonical ID of the storage. */
  id: string
  /** Path to which object keys are appended unchanged, such as `/srv/images/`; undefined if the base URI is not `file:///…`. */
  base: string | undefined
  /** `base` with the folder's symbolic links resolved; undefined if the folder cannot be read on this host. */
  realBase: string | undefined
  /** Why `realBase` is undefined; otherwise empty. */
  why: string
}

/** Returns the locations of all file storages, including deleted ones, and storages of other types that refer to the same files. */
export async function localPlaces(db: Queryable, options: { lock?: Lock } = {}): Promise<LocalPlace[]> {
  const places: LocalPlace[] = []
  for (const storage of await selectStoragesOfFiles(db, options)) {
    const id = canonicalId('backupStorage', storage.uuid)
    const base = pathOf(storage.base_uri)
    const folder = base === undefined ? { why: 'is not a folder on a host' } : await realFolder(folderOf(base))
    const realBase =
      base === undefined || 'why' in folder
        ? undefined
        : `${folder.real === '/' ? '' : folder.real}/${base.slice(base.lastIndexOf('/') + 1)}`
    places.push({ storage, id, base, realBase, why: 'why' in folder ? folder.why : '' })
  }
  return places
}

/** Returns the folder of a path to which keys are appended. The path need not end with a slash. */
export function folderOf(base: string): string {
  return base.slice(0, base.lastIndexOf('/')) || '/'
}

/**
 * Returns the path of a `file:` base URI, or undefined for other URIs. Like the agents,
 * does not decode it (dcmgr.md, "Where an image's bytes are").
 */
export function pathOf(baseUri: string): string | undefined {
  return /^file:\/\/(\/.*)$/is.exec(baseUri)?.[1]
}
