import type * as z from 'zod/mini'
import { isoTime } from '../../db/sql/time.ts'
import type { BackupStorageRow } from '../../db/tables/rows.ts'
import { byIdOrName } from '../names/by-id-or-name.ts'
import { field, type Presentation, presenting } from '../presentation.ts'
import type { Registry } from '../registry.ts'
import type { backupStorage } from '../results/backup-storage.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { existingStorage } from './find.ts'

/** A backup storage in results; times are ISO 8601 UTC. */
export type StorageDetails = z.output<typeof backupStorage>

/**
 * Returns a storage, deleted or not.
 *
 * @param id with or without prefix, or a display name.
 * @throws VdcError VALUE_REFUSED if the ID is not valid; STORAGE_NOT_FOUND if it does not exist.
 */
export async function showStorage(registry: Registry, id: string): Promise<StorageDetails> {
  const { knex } = registry.database
  return presentStorage(await byIdOrName(knex, 'backupStorage', id, (uuid) => existingStorage(knex, uuid)))
}

/** The fields of a storage in results, and the columns that each one needs. */
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

/** Converts a row to a storage in results. */
export const { present: presentStorage } = presenting(STORAGE)
