import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { selectUuidsInStorage } from '../../db/tables/backup-objects.ts'
import { updateStorage } from '../../db/tables/backup-storages.ts'
import { deleteTagMappings } from '../../db/tables/tag-mappings.ts'
import { claimEnd } from '../../db/transactions/claims.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import type { Told } from '../happened.ts'
import { byIdOrName } from '../names/by-id-or-name.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, ENOUGH_IDS, idList } from '../rules/identifiers.ts'
import { presentStorage, type StorageDetails } from './details.ts'
import { storageToChange } from './find.ts'

/**
 * Deletes a backup storage softly (dcmgr.md, "Deleting"): marks its row as deleted and
 * removes its tags. Its files are kept.
 *
 * @param id with or without prefix, or a display name.
 * @param options.force delete the storage even if it contains objects that are not deleted.
 * @throws VdcError VALUE_REFUSED if the ID is not valid; STORAGE_NOT_FOUND if it does not
 *   exist; STORAGE_DELETED if it is deleted already; IN_USE, which names the objects, if
 *   it contains any.
 */
export async function deleteStorage(
  registry: Registry,
  id: string,
  options: { force: boolean },
): Promise<Told<StorageDetails>> {
  const { database } = registry
  return byIdOrName(database.knex, 'backupStorage', id, (uuid) =>
    inTransaction(database, (trx) => deleteIn(trx, uuid, options)),
  )
}

async function deleteIn(trx: Queryable, uuid: string, options: { force: boolean }): Promise<Told<StorageDetails>> {
  const canonical = canonicalId('backupStorage', uuid)
  await claimEnd(trx, canonical)
  const storage = await storageToChange(trx, uuid)
  const objects = await selectUuidsInStorage(trx, storage.id, ENOUGH_IDS)
  if (objects.length > 0 && !options.force) {
    throw new VdcError(
      'IN_USE',
      `Backup storage ${canonical} contains backup objects: ${idList('backupObject', objects)}`,
      { hint: 'Delete them first, or delete the storage anyway with --force' },
    )
  }
  const now = sqlTime(new Date())
  const changes = { deleted_at: now, updated_at: now }
  await updateStorage(trx, storage.id, changes)
  await deleteTagMappings(trx, [canonical])
  const happened = { kind: 'backupStorage', id: canonical, name: storage.display_name, what: 'deleted' } as const
  return { result: presentStorage({ ...storage, ...changes }), happened }
}
