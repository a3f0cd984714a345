import type * as z from 'zod/mini'
import { isoTime } from '../../db/sql/time.ts'
import type { BackupStorageRow } from '../../db/tables/rows.ts'
import { field, type Presentation, presenting } from '../presentation.ts'
import type { Registry } from '../registry.ts'
import type { backupStorage } from '../results/backup-storage.ts'
import { canonicalId, parseId } from '../rules/identifiers.ts'
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
export const STORAGE: Presentation<BackupStorageRow, StorageDetails> = {
  id: [({ uuid }) => canonicalId('backupStorage', uuid), 'uuid'],
  display_name: field('display_name'),
  description: field('description'),
  storage_type: field('storage_type'),
  base_uri: field('base_uri'),
  node_id: field('node_id'),
  created_at: [(row) => isoTime(row.created_at), 'created_at'],
  updated_at: [(row) => isoTime(row.updated_at), 'updated_at'],
  deleted_at: [(row) => isoTime(row.deleted_at), 'deleted_at'],
}

export const { present: presentStorage } = presenting(STORAGE)
