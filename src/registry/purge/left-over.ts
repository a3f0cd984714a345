import { findBackupObject } from '../../db/backup-objects.ts'
import { claimEnd } from '../../db/claims.ts'
import { byUnit, inTransaction } from '../../db/unit-of-work.ts'
import type { ImageFolders } from '../../disk/image-folders.ts'
import { settleAside, uuidsOfAsides } from '../../disk/set-aside.ts'
import { folderOf, localPlaces } from '../backup-storage/local-places.ts'
import type { Registry } from '../registry.ts'
import { ALL_FILES } from '../values.ts'
import { doomedFile } from './doomed.ts'

/**
 * Settles the files that a purge set aside and that was killed then: one whose object
 * was purged is removed, any other gets its name back.
 */
export async function settleLeftOvers(registry: Registry, folders: ImageFolders): Promise<void> {
  const database = byUnit(registry.database)
  for (const { storage, base } of await localPlaces(registry.database.knex)) {
    if (base === undefined || storage.deleted_at !== null) continue
    for (const uuid of await uuidsOfAsides(folderOf(base))) {
      const why = await inTransaction(database, async (trx) => {
        // A purge that runs has its file aside only while it holds these.
        await claimEnd(trx, ALL_FILES)
        await localPlaces(trx, { lock: 'update' })
        const object = await findBackupObject(trx, uuid, { lock: 'update' })
        if (object?.backup_storage_id !== storage.id) return undefined
        return settleAside(doomedFile(base, object), folders, uuid, object.state === 'purged')
      })
      if (why !== undefined)
        registry.warn(`The file of bo-${uuid} that a purge set aside stays in ${folderOf(base)}: ${why}`)
    }
  }
}
