import type * as z from 'zod/mini'
import type { ImageListRow } from '../../db/image-list.ts'
import { isoTime } from '../../db/time.ts'
import { canonicalId } from '../identifiers.ts'
import { exactInteger } from '../int64.ts'
import type { Registry } from '../registry.ts'
import type { imageSummary } from '../results/image.ts'
import { VIRTUAL_SIZE_LABEL } from '../values.ts'
import { isDeleted } from './find.ts'
import { chosenImages, IMAGES, type ImageChoice, type ImageListRequest, imagePage } from './list-request.ts'
import { accessOf, visibilityOf } from './usability.ts'
import { virtualSizeOf } from './virtual-size.ts'
import { readYamlColumns } from './yaml-columns.ts'

/** A line of the list; sizes in bytes, times ISO 8601 UTC. What nobody knows is null. */
export type ImageSummary = z.output<typeof imageSummary>

/**
 * Lists images as the database delivers them, without another order oldest
 * first: memory does not grow with their number. Warns of those whose YAML
 * can't be read.
 *
 * @throws VdcError as `chosenImages` and `imagePage`.
 */
export async function* listImages(registry: Registry, request: ImageListRequest): AsyncGenerator<ImageSummary> {
  const chosen = await chosenImages(registry, request)
  const page = await imagePage(registry, request)
  if (chosen === undefined) return
  for await (const row of IMAGES.stream(registry.database, chosen.selection, page)) {
    await readYamlColumns(registry, row)
    yield present(row, chosen.accountId)
  }
}

/**
 * Counts the images that `listImages` would list without a limit.
 *
 * @throws VdcError as `chosenImages`.
 */
export async function countImages(registry: Registry, request: ImageChoice): Promise<number> {
  const chosen = await chosenImages(registry, request)
  return chosen === undefined ? 0 : IMAGES.count(registry.database, chosen.selection)
}

function present(row: ImageListRow, accountId: string | undefined): ImageSummary {
  return {
    id: canonicalId('image', row.uuid),
    display_name: row.display_name,
    description: row.description,
    account_id: row.account_id,
    arch: row.arch,
    os_type: row.os_type,
    file_format: row.file_format,
    virtual_size: virtualSizeOf(
      row.file_format,
      row.size,
      row.virtual_size === null ? {} : { [VIRTUAL_SIZE_LABEL]: row.virtual_size },
    ),
    allocation_size: exactInteger(row.allocation_size),
    state: isDeleted(row) ? 'deleted' : row.state,
    visibility: visibilityOf(row),
    ...(accountId === undefined ? {} : { access: accessOf(row, accountId) }),
    is_public: row.is_public === 1,
    is_cacheable: row.is_cacheable === 1,
    protected: row.is_protected === 1,
    service_type: row.service_type,
    root_device: row.root_device,
    parent_image_id: row.parent_image_id,
    backup_object_id: row.backup_object_id,
    backup_storage_id: row.storage_uuid === null ? null : canonicalId('backupStorage', row.storage_uuid),
    checksum: row.checksum,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    deleted_at: isoTime(row.deleted_at),
  }
}
