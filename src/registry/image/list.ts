import type * as z from 'zod/mini'
import { findAccount } from '../../db/accounts.ts'
import { type ImageListRow, ownsImages, streamImages } from '../../db/images.ts'
import { isoTime } from '../../db/time.ts'
import { accountNotFound } from '../account/find.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import { parseLabelFilter } from '../labels.ts'
import type { Registry } from '../registry.ts'
import type { imageSummary } from '../results/image.ts'
import { isStorable } from '../storable.ts'
import { VIRTUAL_SIZE_LABEL } from '../values.ts'
import { isDeleted } from './find.ts'
import { accessOf, usableBy, visibilityOf } from './usability.ts'
import { virtualSizeOf } from './virtual-size.ts'
import { readYamlColumns } from './yaml-columns.ts'

/** Which images to list. */
export interface ImageFilter {
  /** Only what this account can use; with or without prefix. */
  accountId?: string | undefined
  /** With `accountId`: only what it owns, in whatever state. */
  owned?: boolean
  /** Only images that have all of these labels, each `name` or `name=value`. */
  labels?: readonly string[] | undefined
  /** Deleted images too. */
  deleted?: boolean
}

/** A line of the list; size in bytes, times ISO 8601 UTC. */
export type ImageSummary = z.output<typeof imageSummary>

/**
 * Lists images, newest last, as the database delivers them: memory does not
 * grow with their number. Warns of those whose YAML can't be read.
 *
 * @throws VdcError VALUE_REFUSED; ACCOUNT_NOT_FOUND for an account that is neither known nor owns an image.
 */
export async function* listImages(registry: Registry, filter: ImageFilter): AsyncGenerator<ImageSummary> {
  const accountId = filter.accountId === undefined ? undefined : await knownAccount(registry, filter.accountId)
  const labels = filter.labels?.map(parseLabelFilter)
  for (const { name, value } of labels ?? []) {
    if (!(await isStorable(registry.database, 'resource_labels', { name, string_value: value }))) return
  }
  const selection = {
    deleted: filter.deleted ?? false,
    labels,
    ...(accountId === undefined ? {} : filter.owned ? { ownedBy: accountId } : usableBy(accountId)),
  }
  for await (const row of streamImages(registry.database, selection, VIRTUAL_SIZE_LABEL)) {
    await readYamlColumns(registry, row)
    yield present(row, accountId)
  }
}

/** @returns the canonical id. Wakame-vdc lets accounts own images before it has a row for them. */
async function knownAccount(registry: Registry, id: string): Promise<string> {
  const { knex } = registry.database
  const uuid = parseId('account', id)
  const canonical = canonicalId('account', uuid)
  if ((await findAccount(knex, uuid)) === undefined && !(await ownsImages(registry.database, canonical))) {
    throw accountNotFound(uuid)
  }
  return canonical
}

function present(row: ImageListRow, accountId: string | undefined): ImageSummary {
  return {
    id: canonicalId('image', row.uuid),
    display_name: row.display_name,
    account_id: row.account_id,
    arch: row.arch,
    file_format: row.file_format,
    virtual_size: virtualSizeOf(
      row.file_format,
      row.size,
      row.virtual_size === null ? {} : { [VIRTUAL_SIZE_LABEL]: row.virtual_size },
    ),
    state: isDeleted(row) ? 'deleted' : row.state,
    visibility: visibilityOf(row),
    ...(accountId === undefined ? {} : { access: accessOf(row, accountId) }),
    created_at: isoTime(row.created_at),
    deleted_at: isoTime(row.deleted_at),
  }
}
