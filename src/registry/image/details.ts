import type * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import { selectStoragesByKey } from '../../db/tables/backup-storages.ts'
import { selectLabels } from '../../db/tables/labels.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { ImageRow } from '../../db/tables/rows.ts'
import { presentObject } from '../backup-object/details.ts'
import { allLabelsThatCount } from '../backup-object/labels.ts'
import { presentStorage } from '../backup-storage/details.ts'
import { type Item, inBatches, type Outcome } from '../batch/batches.ts'
import { labelsByResource, labelsOf } from '../labels.ts'
import type { Registry } from '../registry.ts'
import type { image, imageAttributes } from '../results/image.ts'
import { canonicalId, uuidsIn } from '../rules/identifiers.ts'
import { asMap } from '../rules/ruby-yaml.ts'
import { BOOT_DEV_TYPES, PROTECTED_LABEL } from '../rules/values.ts'
import { visibilityOf } from './access.ts'
import { existingImage, existingImages, isDeleted } from './find.ts'
import { virtualSizeOf } from './register/virtual-size.ts'
import { readYamlColumnsOf } from './yaml-columns.ts'

/** The output form of an image. Keys are column names where there is a column; times are ISO 8601 UTC. */
export type ImageAttributes = z.output<typeof imageAttributes>
/** An image with its labels, backup object and backup storage. */
export type ImageDetails = z.output<typeof image>

/**
 * Reads images, including deleted ones, with their labels, backup objects and storages.
 *
 * @param ids with or without prefix.
 * @returns an outcome per ID: the image, or VALUE_REFUSED, IMAGE_NOT_FOUND.
 */
export function showImages(registry: Registry, ids: readonly string[]): AsyncGenerator<Outcome<ImageDetails>> {
  return inBatches(registry, 'image', ids, { work: describeImages, reads: true })
}

/**
 * Reads one image, which may be deleted, with its labels, backup object and storage. Can
 * run within a unit of work.
 *
 * @param uuid without prefix.
 * @throws VdcError IMAGE_NOT_FOUND if the image does not exist.
 */
export async function describeImage(registry: Registry, uuid: string, db: Queryable): Promise<ImageDetails> {
  const [details] = await detailsOf(db, [{ registry, row: await existingImage(db, uuid) }])
  return details as ImageDetails
}

/**
 * Reads the images of items with their labels, backup objects and storages. Refuses items
 * whose image does not exist (IMAGE_NOT_FOUND).
 */
export async function describeImages<I extends Item>(
  db: Queryable,
  items: readonly I[],
): Promise<Map<I, ImageDetails>> {
  const rows = [...(await existingImages(db, items))]
  const details = await detailsOf(
    db,
    rows.map(([{ registry }, row]) => ({ registry, row })),
  )
  return new Map(rows.map(([item], index) => [item, details[index] as ImageDetails]))
}

/** Returns the details of images, in the same order. */
async function detailsOf(
  db: Queryable,
  images: readonly { registry: Registry; row: ImageRow }[],
): Promise<ImageDetails[]> {
  const objectIds = images.flatMap(({ row }) => row.backup_object_id ?? [])
  const objects = await selectRowsByUuid(db, 'backup_objects', uuidsIn('backupObject', objectIds))
  const keys = objects.map((object) => object.backup_storage_id)
  const storages = new Map((await selectStoragesByKey(db, [...new Set(keys)])).map((row) => [row.id, row]))
  const imageIds = images.map(({ row }) => canonicalId('image', row.uuid))
  const labels = await selectLabels(db, [...new Set([...imageIds, ...objectIds])])
  const labelsOfObjects = await allLabelsThatCount(db, labels, objects)
  const objectsById = new Map(objects.map((object) => [canonicalId('backupObject', object.uuid), object]))
  const labelsById = labelsByResource(labels)
  const details: ImageDetails[] = []
  for (const { registry, row } of images) {
    const id = canonicalId('image', row.uuid)
    const { backup_object_id, ...attributes } = await presentImage(registry, row)
    const object = backup_object_id === null ? undefined : objectsById.get(backup_object_id)
    const storage = object && storages.get(object.backup_storage_id)
    const objectDetails = object && presentObject(object, storage, labelsOfObjects.get(backup_object_id ?? '') ?? {})
    const imageLabels = labelsOf(labelsById.get(id) ?? [], id)
    details.push({
      ...attributes,
      virtual_size: virtualSizeOf(row.file_format, object?.size, objectDetails?.labels),
      protected: PROTECTED_LABEL in imageLabels,
      labels: imageLabels,
      backup_object_id,
      backup_object: objectDetails ?? null,
      backup_storage: storage ? presentStorage(storage) : null,
    })
  }
  return details
}

/** Converts a row to the output form. Warns about YAML that cannot be read. */
export async function presentImage(registry: Registry, row: ImageRow): Promise<ImageAttributes> {
  const id = canonicalId('image', row.uuid)
  const { features, volumes, vifs } = await readYamlColumnsOf(registry, row)
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
