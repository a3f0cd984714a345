import type { Queryable } from '../../db/database.ts'
import { selectStoragesOfFiles } from '../../db/tables/backup-storages.ts'
import type { BackupStorageRow } from '../../db/tables/rows.ts'
import type { Lock } from '../../db/transactions/locks.ts'
import { realFolder } from '../../disk/file/local-file.ts'
import { canonicalId } from '../rules/identifiers.ts'

/** Where a storage of files is on this host. */
export interface LocalPlace {
  storage: BackupStorageRow
  /** Canonical id of the storage. */
  id: string
  /** Path that object keys are joined to as they stand, such as `/srv/images/`; undefined where the base URI is no `file:///…`. */
  base: string | undefined
  /** The same with the folder's links resolved; undefined where that can't be read on this host. */
  realBase: string | undefined
  /** Why not. */
  why: string
}

/** Looks where the storages of files are, deleted ones too, and those of another type that reach the same files. */
export async function localPlaces(db: Queryable, options: { lock?: Lock } = {}): Promise<LocalPlace[]> {
  const places: LocalPlace[] = []
  for (const storage of await selectStoragesOfFiles(db, options)) {
    const id = canonicalId('backupStorage', storage.uuid)
    const base = pathOf(storage.base_uri)
    const folder = base === undefined ? { why: 'is no folder of a host' } : await realFolder(folderOf(base))
    const realBase =
      base === undefined || 'why' in folder
        ? undefined
        : `${folder.real === '/' ? '' : folder.real}/${base.slice(base.lastIndexOf('/') + 1)}`
    places.push({ storage, id, base, realBase, why: 'why' in folder ? folder.why : '' })
  }
  return places
}

/** The folder of a path that keys are joined to: such a path need not end with a slash. */
export function folderOf(base: string): string {
  return base.slice(0, base.lastIndexOf('/')) || '/'
}

/** The path of a base URI: the agents take it as it stands, without decoding it (dcmgr.md, "Where an image's bytes are"). */
export function pathOf(baseUri: string): string | undefined {
  return /^file:\/\/(\/.*)$/is.exec(baseUri)?.[1]
}
