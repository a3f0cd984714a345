import * as z from 'zod/mini'
import { backupObject } from './backup-object.ts'
import { backupStorage } from './backup-storage.ts'
import { exact, labels, time } from './common.ts'

/** The accounts that can use an image: all because it is public, all because the shared pool owns it, or only its owner. */
export const visibility = z.enum(['public', 'shared pool', 'private'])
/** The reason why an account can use an image. */
export const access = z.enum(['own', 'shared pool', 'public'])

/** The attributes of an image. Keys have the names of the corresponding columns. */
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
  /** Guest features by name; null if the YAML in the database cannot be parsed. */
  features: z.nullable(z.record(z.string(), z.unknown())),
  /** Further disks, from the YAML in the database; null if it cannot be parsed. */
  volumes: z.unknown(),
  /** Network interfaces, from the YAML in the database; null if it cannot be parsed. */
  vifs: z.unknown(),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
  backup_object_id: z.nullable(z.string()),
})

/** An image with its labels, backup object and backup storage. */
export const image = z.object({
  ...imageAttributes.shape,
  /** In bytes; null if unknown. */
  virtual_size: z.nullable(exact),
  /** Whether the image cannot be changed or deleted without --force. */
  protected: z.boolean(),
  labels,
  backup_object: z.nullable(backupObject),
  backup_storage: z.nullable(backupStorage),
})

/** An image in a list; sizes are in bytes, unknown values are null. */
export const imageSummary = z.object({
  id: z.string(),
  display_name: z.string(),
  description: z.nullable(z.string()),
  account_id: z.string(),
  arch: z.string(),
  os_type: z.string(),
  file_format: z.string(),
  virtual_size: z.nullable(exact),
  /** Size of the file in the storage. */
  allocation_size: z.nullable(exact),
  state: z.string(),
  visibility,
  /** Why the account in the request can use the image; absent if the request names no account. */
  access: z.optional(access),
  is_public: z.boolean(),
  is_cacheable: z.boolean(),
  /** Whether the image cannot be changed or deleted without --force. */
  protected: z.boolean(),
  service_type: z.string(),
  root_device: z.nullable(z.string()),
  parent_image_id: z.nullable(z.string()),
  backup_object_id: z.nullable(z.string()),
  backup_storage_id: z.nullable(z.string()),
  /** MD5 of the file in the storage, in hex. */
  checksum: z.nullable(z.string()),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
  /** Only if they are asked for. */
  labels: z.optional(labels),
})

/** The result of deleting an image. Only the ID if the image does not exist and that is not an error. */
export const deletedImage = z.union([image, z.object({ id: z.string(), missing: z.literal(true) })])

/** One change of one attribute of an image or a backup object. */
export const historyEntry = z.object({
  id: z.string(),
  created_at: time,
  attr: z.string(),
  value: z.nullable(z.string()),
})
