/*
 * The rows of the dcmgr database as they are stored (dcmgr.md, "Tables the image
 * registry needs"). Times are text, `YYYY-MM-DD HH:MM:SS` in UTC. A `uuid` has no
 * prefix, unless noted; an `*_id` of type string is canonical, with the prefix.
 */

/** A value of a bigint column, up to 2^63-1: a number if that is exact, or else decimal text. */
export type Int64 = number | string

/** A row of `accounts`. */
export interface AccountRow {
  id: number
  uuid: string
  description: string | null
  enabled: number
  created_at: string
  updated_at: string
  deleted_at: string | null
  purged_at: string | null
}

/** A row of `images`. */
export interface ImageRow {
  id: number
  account_id: string
  uuid: string
  created_at: string
  updated_at: string
  /** 1: volume; 2: local. */
  boot_dev_type: number
  arch: string
  description: string | null
  is_public: number
  state: string
  /** YAML with symbol keys; NULL and '' mean no features. */
  features: string | null
  file_format: string
  root_device: string | null
  is_cacheable: number
  instance_model_name: string
  parent_image_id: string | null
  service_type: string
  display_name: string
  backup_object_id: string | null
  deleted_at: string | null
  volumes: string
  vifs: string
  os_type: string
}

/** A row of `backup_objects`. */
export interface BackupObjectRow {
  id: number
  account_id: string
  uuid: string
  display_name: string
  service_type: string
  backup_storage_id: number
  /** Bytes of the disk image after unpacking. */
  size: Int64
  /** Bytes of the file in the storage. */
  allocation_size: Int64
  container_format: string
  status: number
  state: string
  object_key: string
  /** MD5 of the file in the storage, hex. */
  checksum: string
  description: string | null
  /** Percent. */
  progress: number
  deleted_at: string | null
  created_at: string
  updated_at: string
  purged_at: string | null
  source_volume_id: string
}

/** A row of `backup_storages`. */
export interface BackupStorageRow {
  id: number
  uuid: string
  display_name: string
  storage_type: string
  description: string | null
  base_uri: string
  deleted_at: string | null
  created_at: string
  updated_at: string
  node_id: string | null
}

/** A row of `histories`: the new value of a column of a thing. */
export interface HistoryRow {
  id: number
  /** The canonical ID of the thing that changed; for labels, a key derived from it (`labelKey`). */
  uuid: string
  attr: string
  vchar_value: string | null
  blob_value: string | null
  created_at: string
}

/** A row of `resource_labels`. */
export interface LabelRow {
  id: number
  resource_uuid: string
  name: string
  /** The column with the value; 1: `string_value`, 2: `blob_value`. */
  value_type: number
  string_value: string | null
  blob_value: string | null
  created_at: string
  updated_at: string
}

/** A row of `tag_mappings`. */
export interface TagMappingRow {
  id: number
  tag_id: number
  /** The canonical ID of the thing that has the tag. */
  uuid: string
  sort_index: number
}

/** A row to be inserted. The database assigns its integer ID. */
export type NewRow<T extends { id: number }> = Omit<T, 'id'>

/** The tables that vdc-manage writes to, and their rows. */
export interface Tables {
  accounts: AccountRow
  images: ImageRow
  backup_objects: BackupObjectRow
  backup_storages: BackupStorageRow
  histories: HistoryRow
  resource_labels: LabelRow
  tag_mappings: TagMappingRow
}

/** A change of a row, as a dry run records it. */
export type WrittenRow = {
  [T in keyof Tables]: {
    table: T
    action: 'insert' | 'update' | 'delete'
    /** The whole row after an insert or update, or before a delete. */
    row: Tables[T]
    /** The old values of the columns that an update changed; null for an insert or delete. */
    old: Partial<Tables[T]> | null
  }
}[keyof Tables]

/** The columns of `images` in the table's order, which is the order of its history rows. */
export const IMAGE_COLUMNS = [
  'id',
  'account_id',
  'uuid',
  'created_at',
  'updated_at',
  'boot_dev_type',
  'arch',
  'description',
  'is_public',
  'state',
  'features',
  'file_format',
  'root_device',
  'is_cacheable',
  'instance_model_name',
  'parent_image_id',
  'service_type',
  'display_name',
  'backup_object_id',
  'deleted_at',
  'volumes',
  'vifs',
  'os_type',
] as const satisfies readonly (keyof ImageRow)[]

/** The columns of `backup_objects` in the table's order, which is the order of its history rows. */
export const BACKUP_OBJECT_COLUMNS = [
  'id',
  'account_id',
  'uuid',
  'display_name',
  'service_type',
  'backup_storage_id',
  'size',
  'allocation_size',
  'container_format',
  'status',
  'state',
  'object_key',
  'checksum',
  'description',
  'progress',
  'deleted_at',
  'created_at',
  'updated_at',
  'purged_at',
  'source_volume_id',
] as const satisfies readonly (keyof BackupObjectRow)[]
