import * as z from 'zod/mini'
import { exact, labels, time } from './common.ts'

/** A backup object as people and scripts see it; sizes in bytes. */
export const backupObject = z.object({
  id: z.string(),
  account_id: z.string(),
  display_name: z.string(),
  description: z.nullable(z.string()),
  state: z.string(),
  /** Percent. */
  progress: z.number(),
  service_type: z.string(),
  /** null where the storage is gone. */
  backup_storage_id: z.nullable(z.string()),
  /** Where the bytes are: base_uri and object_key; null where the storage is gone. */
  uri: z.nullable(z.string()),
  object_key: z.string(),
  container_format: z.string(),
  size: exact,
  allocation_size: exact,
  /** MD5, hex. */
  checksum: z.string(),
  /** Hex; null for an object that this program didn't hash. */
  sha256: z.nullable(z.string()),
  source_volume_id: z.string(),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
  purged_at: z.nullable(time),
  labels,
})

/** A line of the list. */
export const backupObjectSummary = z.pick(backupObject, {
  id: true,
  account_id: true,
  display_name: true,
  state: true,
  service_type: true,
  backup_storage_id: true,
  uri: true,
  container_format: true,
  size: true,
  allocation_size: true,
  checksum: true,
  created_at: true,
  updated_at: true,
  deleted_at: true,
})
