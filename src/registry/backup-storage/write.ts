import type { Queryable } from '../../db/database.ts'
import { insertStorage, isStorageUuidTaken } from '../../db/tables/backup-storages.ts'
import { insertLabels, selectLabels } from '../../db/tables/labels.ts'
import type { BackupStorageRow, NewRow } from '../../db/tables/rows.ts'
import { newLabel } from '../labels.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { CLAIM_LABEL } from '../rules/values.ts'

/**
 * Writes a new storage, within a unit of work. `backup_storages` has no unique
 * index, so a label, which has one, claims its uuid: of two processes that take
 * one uuid at the same moment, one fails with a duplicate key and runs its unit
 * of work again. That holds on a Galera cluster too, where row locks do not
 * (docs/decisions/0003).
 */
export async function writeStorage(db: Queryable, row: NewRow<BackupStorageRow>): Promise<BackupStorageRow> {
  const id = canonicalId('backupStorage', row.uuid)
  await insertLabels(db, [newLabel(id, CLAIM_LABEL, row.base_uri, row.created_at)])
  return { ...row, id: await insertStorage(db, row) }
}

/** Says whether a new storage can't have this uuid: some row has it, or it is claimed. */
export async function isUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  const labels = await selectLabels(db, [canonicalId('backupStorage', uuid)])
  return labels.some((label) => label.name === CLAIM_LABEL) || (await isStorageUuidTaken(db, uuid))
}
