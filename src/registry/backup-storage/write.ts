import type { Queryable } from '../../db/database.ts'
import { insertStorage, isStorageUuidTaken } from '../../db/tables/backup-storages.ts'
import { insertLabels, selectLabels } from '../../db/tables/labels.ts'
import type { BackupStorageRow, NewRow } from '../../db/tables/rows.ts'
import { newLabel } from '../labels.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { CLAIM_LABEL } from '../rules/values.ts'

/**
 * Inserts a storage. Must run within a unit of work. `backup_storages` has no unique
 * index, but `resource_labels` has, so a label claims the UUID: if two processes use
 * the same UUID at once, one gets a duplicate key and runs its unit of work again. This
 * also works on a Galera cluster, where row locks do not (docs/decisions/0003).
 */
export async function writeStorage(db: Queryable, row: NewRow<BackupStorageRow>): Promise<BackupStorageRow> {
  const id = canonicalId('backupStorage', row.uuid)
  await insertLabels(db, [newLabel(id, CLAIM_LABEL, row.base_uri, row.created_at)])
  return { ...row, id: await insertStorage(db, row) }
}

/** Returns whether a UUID is used by a storage, deleted or not, or claimed by a label. */
export async function isUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  const labels = await selectLabels(db, [canonicalId('backupStorage', uuid)])
  return labels.some((label) => label.name === CLAIM_LABEL) || (await isStorageUuidTaken(db, uuid))
}
