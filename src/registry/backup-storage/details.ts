import type * as z from 'zod/mini'
import type { BackupStorageRow } from '../../db/rows.ts'
import { isoTime } from '../../db/time.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import type { backupStorage } from '../results/backup-storage.ts'
import { existingStorage } from './find.ts'

/** A storage as people and scripts see it; times are ISO 8601 UTC. */
export type StorageDetails = z.output<typeof backupStorage>

/**
 * Finds one storage, deleted or not.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, STORAGE_NOT_FOUND.
 */
export async function showStorage(registry: Registry, id: string): Promise<StorageDetails> {
  return presentStorage(await existingStorage(registry.database.knex, parseId('backupStorage', id)))
}

/** A row as people and scripts see it. */
export function presentStorage(row: BackupStorageRow): StorageDetails {
  return {
    id: canonicalId('backupStorage', row.uuid),
    display_name: row.display_name,
    description: row.description,
    storage_type: row.storage_type,
    base_uri: row.base_uri,
    node_id: row.node_id,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    deleted_at: isoTime(row.deleted_at),
  }
}
