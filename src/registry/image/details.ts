import type * as z from 'zod/mini'
import { findBackupObject } from '../../db/backup-objects.ts'
import { findStorageByKey } from '../../db/backup-storages.ts'
import type { Queryable } from '../../db/database.ts'
import { selectLabels } from '../../db/labels.ts'
import type { ImageRow } from '../../db/rows.ts'
import { isoTime } from '../../db/time.ts'
import { presentObject } from '../backup-object/details.ts'
import { labelsThatCount } from '../backup-object/labels.ts'
import { presentStorage } from '../backup-storage/details.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import { labelsOf } from '../labels.ts'
import type { Registry } from '../registry.ts'
import type { image, imageAttributes } from '../results/image.ts'
import { BOOT_DEV_TYPES, PROTECTED_LABEL } from '../values.ts'
import { asMap } from '../yaml.ts'
import { existingImage, isDeleted } from './find.ts'
import { visibilityOf } from './usability.ts'
import { virtualSizeOf } from './virtual-size.ts'
import { readYamlColumns } from './yaml-columns.ts'

/** An image as people and scripts see it; names are the columns' where there is a column, times ISO 8601 UTC. */
export type ImageAttributes = z.output<typeof imageAttributes>
/** An image with all that belongs to it. */
export type ImageDetails = z.output<typeof image>

/**
 * Finds one image, deleted or not, with all that belongs to it.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND.
 */
export async function showImage(registry: Registry, id: string): Promise<ImageDetails> {
  return describeImage(registry, parseId('image', id), registry.database.knex)
}

/** As `showImage`, from an uuid without prefix, also within a unit of work. */
export async function describeImage(registry: Registry, uuid: string, db: Queryable): Promise<ImageDetails> {
  const row = await existingImage(db, uuid)
  const id = canonicalId('image', uuid)
  const objectId = row.backup_object_id
  const object = objectId?.startsWith('bo-') ? await findBackupObject(db, objectId.slice('bo-'.length)) : undefined
  const storage = object && (await findStorageByKey(db, object.backup_storage_id))
  const labels = await selectLabels(db, objectId === null ? [id] : [id, objectId])
  const imageLabels = labelsOf(labels, id)
  const objectDetails = object && presentObject(object, storage, await labelsThatCount(db, labels, object))
  const { backup_object_id, ...attributes } = await presentImage(registry, row)
  return {
    ...attributes,
    virtual_size: virtualSizeOf(row.file_format, object?.size, objectDetails?.labels),
    protected: PROTECTED_LABEL in imageLabels,
    labels: imageLabels,
    backup_object_id,
    backup_object: objectDetails ?? null,
    backup_storage: storage ? presentStorage(storage) : null,
  }
}

/** A row as people and scripts see it; warns of YAML that can't be read. */
export async function presentImage(registry: Registry, row: ImageRow): Promise<ImageAttributes> {
  const id = canonicalId('image', row.uuid)
  const { features, volumes, vifs } = await readYamlColumns(registry, row)
  const known = asMap(features)
  return {
    id,
    display_name: row.display_name,
    description: row.description,
    account_id: row.account_id,
    visibility: visibilityOf(row),
    state: isDeleted(row) ? 'deleted' : row.state,
    arch: row.arch,
    os_type: row.os_type,
    boot_dev_type: BOOT_DEV_TYPES[row.boot_dev_type] ?? String(row.boot_dev_type),
    file_format: row.file_format,
    root_device: row.root_device,
    service_type: row.service_type,
    instance_model_name: row.instance_model_name,
    parent_image_id: row.parent_image_id,
    is_public: row.is_public === 1,
    is_cacheable: row.is_cacheable === 1,
    features: known === undefined ? null : Object.fromEntries(known),
    volumes: 'value' in volumes ? volumes.value : null,
    vifs: 'value' in vifs ? vifs.value : null,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    deleted_at: isoTime(row.deleted_at),
    backup_object_id: row.backup_object_id,
  }
}
