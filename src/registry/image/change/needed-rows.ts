import type { Queryable } from '../../../db/database.ts'
import { selectRowsByUuid } from '../../../db/tables/many-rows.ts'
import type { AccountRow, BackupObjectRow, ImageRow } from '../../../db/tables/rows.ts'
import { claimUse } from '../../../db/transactions/claims.ts'
import { canonicalId, uuidsIn } from '../../rules/identifiers.ts'
import { objectsInVolumes } from '../volumes.ts'
import { keepStoragesOf } from './restored-objects.ts'

/** Returns the canonical IDs of the backup objects that images boot from or have volumes made from. */
export async function neededObjects<I>(images: ReadonlyMap<I, ImageRow>): Promise<Map<I, string[]>> {
  const needed = new Map<I, string[]>()
  for (const [item, { backup_object_id: id, volumes }] of images) {
    // An image that never had an object can be restored; one whose object is missing could never boot.
    const own = id === null || id === '' ? [] : [id]
    needed.set(item, [...own, ...(await objectsInVolumes(volumes))])
  }
  return needed
}

/**
 * Returns the existing objects by canonical ID, and locks them until the unit of work ends.
 *
 * @param mayRestore lock them so that they can be restored.
 */
export async function holdObjects(
  db: Queryable,
  ids: ReadonlySet<string>,
  mayRestore: boolean,
): Promise<Map<string, BackupObjectRow>> {
  if (mayRestore) await keepStoragesOf(db, ids)
  await claimUse(db, ...ids)
  const lock = mayRestore ? 'update' : 'share'
  const objects = await selectRowsByUuid(db, 'backup_objects', uuidsIn('backupObject', ids), { lock })
  return new Map(objects.map((object) => [canonicalId('backupObject', object.uuid), object]))
}

/** Like `holdObjects`, for accounts. In Wakame-vdc, accounts without a row can own images. */
export async function holdOwners(db: Queryable, ids: ReadonlySet<string>): Promise<Map<string, AccountRow>> {
  await claimUse(db, ...ids)
  const uuids = Array.from(ids, (id) => id.replace(/^a-/, ''))
  const accounts = await selectRowsByUuid(db, 'accounts', uuids, { lock: 'share' })
  const byUuid = new Map(accounts.map((account) => [account.uuid, account]))
  return new Map(
    [...ids].flatMap((id) => {
      const account = byUuid.get(id.replace(/^a-/, ''))
      return account === undefined ? [] : [[id, account]]
    }),
  )
}
