import * as z from 'zod/mini'
import { exact, labels, time } from './common.ts'

/** A backup object; sizes are in bytes. */
export const backupObject = z.object({
  id: z.string(),
  account_id: z.string(),
  display_name: z.string(),
  description: z.nullable(z.string()),
  state: z.string(),
  /** In percent. */
  progress: z.number(),
  service_type: z.string(),
  /** Null if the row of the storage is missing. */
  backup_storage_id: z.nullable(z.string()),
  /** Location of the file: base_uri followed by object_key; null if the row of the storage is missing. */
  uri: z.nullable(z.string()),
  object_key: z.string(),
  container_format: z.string(),
  size: exact,
  allocation_size: exact,
  /** MD5 in hex. */
  checksum: z.string(),
  /** In hex; null if vdc-manage did not hash the file. */
  sha256: z.nullable(z.string()),
  source_volume_id: z.string(),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
  purged_at: z.nullable(time),
  labels,
})

/** A backup object in a list. */
export const backupObjectSummary = z.object({
  ...z.pick(backupObject, {
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
  }).shape,
  /** Of the disk in the file, in bytes; null if unknown. */
  virtual_size: z.nullable(exact),
  /** The number of images that use the object and are not deleted. */
  users: z.int(),
  /** The IDs of these images. Only if they are asked for. */
  used_by: z.optional(z.array(z.string())),
})
