import { findBackupObject } from '../db/backup-objects.ts'
import { findStorageByKey } from '../db/backup-storages.ts'
import type { Queryable } from '../db/database.ts'
import { findImage } from '../db/images.ts'
import { selectLabels } from '../db/labels.ts'
import type { BackupObjectRow, BackupStorageRow, ImageRow, LabelRow } from '../db/rows.ts'
import { isoTime } from '../db/time.ts'
import { VdcError } from '../errors.ts'
import { type Features, parseFeatures } from './features.ts'
import { canonicalId, parseId } from './identifiers.ts'
import { labelsOf } from './labels.ts'
import type { Registry } from './registry.ts'
import { type Visibility, visibilityOf } from './usability.ts'
import { BOOT_DEV_TYPES, SHA256_LABEL } from './values.ts'
import { virtualSizeOf } from './virtual-size.ts'

/** A storage as people and scripts see it. */
interface StorageDetails {
  id: string
  display_name: string
  storage_type: string
  base_uri: string
  node_id: string | null
  deleted_at: string | null
}

/** A backup object as people and scripts see it; sizes in bytes, times ISO 8601 UTC. */
interface ObjectDetails {
  id: string
  account_id: string
  display_name: string
  state: string
  /** Where the bytes are: base_uri and object_key; null where the storage is gone. */
  uri: string | null
  object_key: string
  container_format: string
  size: number
  allocation_size: number
  /** MD5, hex. */
  checksum: string
  /** Hex; null for an object that this program didn't hash. */
  sha256: string | null
  progress: number
  created_at: string
  deleted_at: string | null
  labels: Record<string, string>
}

/** An image with all that belongs to it; names are the columns' where there is a column. */
export interface ImageDetails {
  id: string
  display_name: string
  description: string | null
  account_id: string
  visibility: Visibility
  state: string
  arch: string
  os_type: string
  boot_dev_type: string
  file_format: string
  virtual_size: number | null
  root_device: string | null
  service_type: string
  instance_model_name: string
  parent_image_id: string | null
  is_public: boolean
  is_cacheable: boolean
  /** null where the database's YAML can't be read. */
  features: Features | null
  created_at: string
  updated_at: string
  deleted_at: string | null
  labels: Record<string, string>
  backup_object_id: string | null
  backup_object: ObjectDetails | null
  backup_storage: StorageDetails | null
}

/**
 * Finds one image, deleted or not, with all that belongs to it.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND.
 */
export async function showImage(registry: Registry, id: string): Promise<ImageDetails> {
  return describeImage(registry.database.knex, parseId('image', id))
}

/** As `showImage`, from an uuid without prefix, also within a unit of work. */
export async function describeImage(db: Queryable, uuid: string): Promise<ImageDetails> {
  const image = await findImage(db, uuid)
  if (image === undefined) throw imageNotFound(uuid)
  const id = canonicalId('image', uuid)
  const objectId = image.backup_object_id
  const object = objectId?.startsWith('bo-') ? await findBackupObject(db, objectId.slice('bo-'.length)) : undefined
  const storage = object && (await findStorageByKey(db, object.backup_storage_id))
  const labels = await selectLabels(db, objectId === null ? [id] : [id, objectId])
  const objectDetails = object && presentObject(object, storage, labels)
  return {
    ...(await presentImage(image)),
    virtual_size: virtualSizeOf(image.file_format, object?.size, objectDetails?.labels),
    labels: labelsOf(labels, id),
    backup_object: objectDetails ?? null,
    backup_storage: storage ? presentStorage(storage) : null,
  }
}

/** The error for an image that isn't there. */
export function imageNotFound(uuid: string): VdcError {
  return new VdcError('IMAGE_NOT_FOUND', `There is no image ${canonicalId('image', uuid)}`, {
    hint: 'vdc-manage image list --all shows those there are',
  })
}

async function presentImage(row: ImageRow) {
  return {
    id: canonicalId('image', row.uuid),
    display_name: row.display_name,
    description: row.description,
    account_id: row.account_id,
    visibility: visibilityOf(row),
    state: row.state,
    arch: row.arch,
    os_type: row.os_type,
    boot_dev_type: BOOT_DEV_TYPES[row.boot_dev_type] ?? String(row.boot_dev_type),
    file_format: row.file_format,
    virtual_size: null,
    root_device: row.root_device,
    service_type: row.service_type,
    instance_model_name: row.instance_model_name,
    parent_image_id: row.parent_image_id,
    is_public: row.is_public === 1,
    is_cacheable: row.is_cacheable === 1,
    features: await parseFeatures(row.features),
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    deleted_at: isoTime(row.deleted_at),
    labels: {},
    backup_object_id: row.backup_object_id,
  }
}

function presentObject(
  row: BackupObjectRow,
  storage: BackupStorageRow | undefined,
  labelRows: readonly LabelRow[],
): ObjectDetails {
  const id = canonicalId('backupObject', row.uuid)
  const labels = labelsOf(labelRows, id)
  return {
    id,
    account_id: row.account_id,
    display_name: row.display_name,
    state: row.state,
    uri: storage === undefined ? null : storage.base_uri + row.object_key,
    object_key: row.object_key,
    container_format: row.container_format,
    size: row.size,
    allocation_size: row.allocation_size,
    checksum: row.checksum,
    sha256: labels[SHA256_LABEL] ?? null,
    progress: row.progress,
    created_at: isoTime(row.created_at),
    deleted_at: isoTime(row.deleted_at),
    labels,
  }
}

function presentStorage(row: BackupStorageRow): StorageDetails {
  return {
    id: canonicalId('backupStorage', row.uuid),
    display_name: row.display_name,
    storage_type: row.storage_type,
    base_uri: row.base_uri,
    node_id: row.node_id,
    deleted_at: isoTime(row.deleted_at),
  }
}
