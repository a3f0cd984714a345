import type * as z from 'zod/mini'
import type { ImageListRow } from '../../db/lists/images.ts'
import { isoTime } from '../../db/sql/time.ts'
import { selectLabels } from '../../db/tables/labels.ts'
import { labelsByResource, labelsOf } from '../labels.ts'
import { field, type Presentation, presenting } from '../presentation.ts'
import type { Registry } from '../registry.ts'
import type { imageSummary } from '../results/image.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { exactInteger } from '../rules/int64.ts'
import { VIRTUAL_SIZE_LABEL } from '../rules/values.ts'
import { accessOf, visibilityOf } from './access.ts'
import { isDeleted } from './find.ts'
import { inPages } from './list-pages.ts'
import { chosenImages, IMAGES, type ImageChoice, type ImageListRequest, imagePage } from './list-request.ts'
import { virtualSizeOf } from './register/virtual-size.ts'
import { yamlWarnings } from './yaml-columns.ts'

/** A row of the list. Sizes are in bytes, times ISO 8601 UTC; unknown values are null. */
export type ImageSummary = z.output<typeof imageSummary>

/**
 * Lists images in batches as the database delivers them, by default oldest first. Memory
 * does not grow with the number of images. Warns about images whose YAML cannot be read.
 *
 * @param keys the keys to read and return; undefined for all.
 * @throws VdcError the errors of `chosenImages` and `imagePage`.
 */
export async function* listImages(
  registry: Registry,
  request: ImageListRequest,
  keys?: readonly string[],
): AsyncGenerator<ImageSummary[]> {
  const chosen = await chosenImages(registry, request)
  const page = await imagePage(registry, request)
  if (chosen === undefined) return
  const { fields, present } = presenting(summaryFor(chosen.accountId), keys)
  const warnOfYaml = yamlWarnings(registry)
  const read = [...new Set([...fields, ...OF_WARNINGS])]
  const hasLabels = keys?.includes('labels') ?? false
  const stream = hasLabels ? inPages : IMAGES.stream
  for await (const rows of stream(registry.database, chosen.selection, page, read)) {
    for (const row of rows) {
      const warning = warnOfYaml(row)
      if (warning !== undefined) await warning
    }
    const images = rows.map(present)
    yield hasLabels ? await withLabels(registry, rows, images) : images
  }
}

/** Adds the labels of images. */
async function withLabels(
  { database }: Registry,
  rows: readonly Pick<ImageListRow, 'uuid'>[],
  images: readonly ImageSummary[],
): Promise<ImageSummary[]> {
  const ids = rows.map(({ uuid }) => canonicalId('image', uuid))
  const labels = labelsByResource(await selectLabels(database.knex, ids))
  return images.map((image, at) => {
    const id = ids[at] as string
    return { ...image, labels: labelsOf(labels.get(id) ?? [], id) }
  })
}

/**
 * Counts the images that match the filters, regardless of paging.
 *
 * @throws VdcError the errors of `chosenImages`.
 */
export async function countImages(registry: Registry, request: ImageChoice): Promise<number> {
  const chosen = await chosenImages(registry, request)
  return chosen === undefined ? 0 : IMAGES.count(registry.database, chosen.selection)
}

/** The fields that the warning about unreadable YAML needs. */
const OF_WARNINGS = ['uuid', 'features', 'volumes', 'vifs'] as const

/** @param accountId canonical ID of the account that the list is for. */
function summaryFor(accountId: string | undefined): Presentation<ImageListRow, ImageSummary> {
  return {
    id: [({ uuid }) => canonicalId('image', uuid), 'uuid'],
    display_name: field('display_name'),
    description: field('description'),
    account_id: field('account_id'),
    arch: field('arch'),
    os_type: field('os_type'),
    file_format: field('file_format'),
    virtual_size: [virtualSize, 'file_format', 'size', 'virtual_size'],
    allocation_size: [(row) => exactInteger(row.allocation_size), 'allocation_size'],
    state: [(row) => (isDeleted(row) ? 'deleted' : row.state), 'state', 'deleted_at'],
    visibility: [visibilityOf, 'account_id', 'is_public'],
    ...(accountId === undefined ? {} : { access: [(row) => accessOf(row, accountId), 'account_id'] }),
    is_public: [(row) => row.is_public === 1, 'is_public'],
    is_cacheable: [(row) => row.is_cacheable === 1, 'is_cacheable'],
    protected: [(row) => row.is_protected === 1, 'is_protected'],
    service_type: field('service_type'),
    root_device: field('root_device'),
    parent_image_id: field('parent_image_id'),
    backup_object_id: field('backup_object_id'),
    backup_storage_id: [
      ({ storage_uuid: uuid }) => (uuid === null ? null : canonicalId('backupStorage', uuid)),
      'storage_uuid',
    ],
    checksum: field('checksum'),
    created_at: [(row) => isoTime(row.created_at), 'created_at'],
    updated_at: [(row) => isoTime(row.updated_at), 'updated_at'],
    deleted_at: [(row) => isoTime(row.deleted_at), 'deleted_at'],
  }
}

function virtualSize({ file_format, size, virtual_size: label }: ImageListRow) {
  return virtualSizeOf(file_format, size, label === null ? {} : { [VIRTUAL_SIZE_LABEL]: label })
}
