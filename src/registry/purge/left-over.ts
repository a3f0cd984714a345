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
 * Settles the files that a purge set aside and that was killed then: one whose object
 * was purged is removed, any other gets its name back.
 *
 * @param known the image folders of this host, if they were read.
 */
export async function settleLeftOvers(registry: Registry, known?: ImageFolders): Promise<void> {
  const folders = known ?? (await readImageFolders())
  const database = byUnit(registry.database)
  for (const { storage, base } of await localPlaces(registry.database.knex)) {
    if (base === undefined || storage.deleted_at !== null) continue
    for (const { name, state } of await asidesIn(folderOf(base))) {
      const object = await inTransaction(database, async (trx) => {
        // A purge that runs has its file aside only while it holds these.
        await claimEnd(trx, ALL_FILES)
        await localPlaces(trx, { lock: 'update' })
        const uuid = uuidInAsideName(name) ?? (await longUuid(trx, name))
        return uuid === undefined ? undefined : findBackupObject(trx, uuid, { lock: 'update' })
      })
      if (object?.backup_storage_id !== storage.id) continue
      // Only once the claim is committed is it certain that a purge on another node is not committed as well.
      const left = { uuid: object.uuid, state }
      const why = await settleAside(doomedFile(base, object), folders, left, object.state === 'purged')
      if (why !== undefined)
        registry.warn(`The file of bo-${object.uuid} that a purge set aside stays in ${folderOf(base)}: ${why}`)
    }
  }
}

/** The uuid of whose hash a file's name is made, as it is too long for one itself. */
async function longUuid(db: Queryable, name: string): Promise<string | undefined> {
  const uuids = await selectLongUuids(db, LONGEST_IN_NAME)
  return uuids.find((uuid) => asideName(uuid) === name)
}
