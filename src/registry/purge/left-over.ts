import type { Queryable } from '../../db/database.ts'
import { findBackupObject, selectLongUuids } from '../../db/tables/backup-objects.ts'
import { claimEnd } from '../../db/transactions/claims.ts'
import { byUnit, inTransaction } from '../../db/transactions/unit-of-work.ts'
import { type ImageFolders, readImageFolders } from '../../disk/folder/image-folders.ts'
import { asideName, LONGEST_IN_NAME, uuidInAsideName } from '../../disk/remove/aside-file.ts'
import { asidesIn, settleAside } from '../../disk/remove/set-aside.ts'
import { folderOf, localPlaces } from '../backup-storage/local-folders.ts'
import type { Registry } from '../registry.ts'
import { ALL_FILES } from '../rules/values.ts'
import { doomedFile } from './doomed.ts'

/**
 * Cleans up after a purge that was killed while files were set aside: removes a file if
 * its object is purged, otherwise restores its name.
 *
 * @param known the image folders of this host, if they have been read.
 */
export async function settleLeftOvers(registry: Registry, known?: ImageFolders): Promise<void> {
  const folders = known ?? (await readImageFolders())
  const database = byUnit(registry.database)
  for (const { storage, base } of await localPlaces(registry.database.knex)) {
    if (base === undefined || storage.deleted_at !== null) continue
    for (const { name, state } of await asidesIn(folderOf(base))) {
      const object = await inTransaction(database, async (trx) => {
        // A running purge keeps a file aside only while it holds this claim and these locks.
        await claimEnd(trx, ALL_FILES)
        await localPlaces(trx, { lock: 'update' })
        const uuid = uuidInAsideName(name) ?? (await longUuid(trx, name))
        return uuid === undefined ? undefined : findBackupObject(trx, uuid, { lock: 'update' })
      })
      if (object?.backup_storage_id !== storage.id) continue
      // Only after the commit of the claim is it certain that no purge on another node commits.
      const left = { uuid: object.uuid, state }
      const why = await settleAside(doomedFile(base, object), folders, left, object.state === 'purged')
      if (why !== undefined)
        registry.warn(`The file of bo-${object.uuid} that a purge set aside remains in ${folderOf(base)}: ${why}`)
    }
  }
}

/** Returns the uuid whose hash is in a file's name; the name has a hash if the uuid is too long. */
async function longUuid(db: Queryable, name: string): Promise<string | undefined> {
  const uuids = await selectLongUuids(db, LONGEST_IN_NAME)
  return uuids.find((uuid) => asideName(uuid) === name)
}
