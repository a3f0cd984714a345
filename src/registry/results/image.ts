import * as z from 'zod/mini'
import { backupObject } from './backup-object.ts'
import { backupStorage } from './backup-storage.ts'
import { exact, labels, time } from './common.ts'

/** Who can use an image: everybody as it is public, everybody as the shared pool owns it, or its owner alone. */
export const visibility = z.enum(['public', 'shared pool', 'private'])
/** Why an account can use an image. */
export const access = z.enum(['own', 'shared pool', 'public'])

/** An image as people and scripts see it; names are the columns' where there is a column. */
export const imageAttributes = z.object({
  id: z.string(),
  display_name: z.string(),
  description: z.nullable(z.string()),
  account_id: z.string(),
  visibility,
  state: z.string(),
  arch: z.string(),
  os_type: z.string(),
  boot_dev_type: z.string(),
  file_format: z.string(),
  root_device: z.nullable(z.string()),
  service_type: z.string(),
  instance_model_name: z.string(),
  parent_image_id: z.nullable(z.string()),
  is_public: z.boolean(),
  is_cacheable: z.boolean(),
  /** By name; null where the database's YAML can't be read. */
  features: z.nullable(z.record(z.string(), z.unknown())),
  /** What the database's YAML says of further disks and interfaces; null where it can't be read. */
  volumes: z.unknown(),
  vifs: z.unknown(),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
  backup_object_id: z.nullable(z.string()),
})

/** An image with all that belongs to it. */
export const image = z.object({
  ...imageAttributes.shape,
  /** Bytes; null where nobody knows. */
  virtual_size: z.nullable(exact),
  /** Not to be deleted or changed without being asked for. */
  protected: z.boolean(),
  labels,
  backup_object: z.nullable(backupObject),
  backup_storage: z.nullable(backupStorage),
})

/** A line of the list; sizes in bytes. What nobody knows is null. */
export const imageSummary = z.object({
  id: z.string(),
  display_name: z.string(),
  description: z.nullable(z.string()),
  account_id: z.string(),
  arch: z.string(),
  os_type: z.string(),
  file_format: z.string(),
  virtual_size: z.nullable(exact),
  /** Bytes of the file as it lies in the storage. */
  allocation_size: z.nullable(exact),
  state: z.string(),
  visibility,
  /** Why the account of the request can use it; only there with one. */
  access: z.optional(access),
  is_public: z.boolean(),
  is_cacheable: z.boolean(),
  /** Not to be deleted or changed without being asked for. */
  protected: z.boolean(),
  service_type: z.string(),
  root_device: z.nullable(z.string()),
  parent_image_id: z.nullable(z.string()),
  backup_object_id: z.nullable(z.string()),
  backup_storage_id: z.nullable(z.string()),
  /** MD5 of the file as it lies in the storage, hex. */
  checksum: z.nullable(z.string()),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
})

/** What deleting answers; of an image that never was, where that is no error, its id alone. */
export const deletedImage = z.union([image, z.object({ id: z.string(), missing: z.literal(true) })])

/** One change of one attribute of an image or a backup object. */
export const historyEntry = z.object({
  id: z.string(),
  created_at: time,
  attr: z.string(),
  value: z.nullable(z.string()),
})
