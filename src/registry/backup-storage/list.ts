import * as z from 'zod/mini'
import { STORAGES, type StorageSelection } from '../../db/lists/backup-storages.ts'
import * as list from '../list-request.ts'
import { presenting } from '../presentation.ts'
import type { Registry } from '../registry.ts'
import { validate } from '../rules/validate.ts'
import { STORAGE_TYPES } from '../rules/values.ts'
import { STORAGE, type StorageDetails } from './details.ts'
import { storageNotFound } from './find.ts'

const choice = z.object({
  ...list.choice,
  /** A pattern (`parseGlob`). */
  name: z.optional(z.string()),
  storage_type: list.anyOf,
  node_id: list.anyOf,
})

/** Filters for a list of storages. */
export type StorageChoice = z.input<typeof choice>
/** Filters, order and page for a list of storages. */
export type StorageListRequest = StorageChoice & list.PageRequest

/** The sort keys for a list of storages. */
export const STORAGE_SORT_KEYS = list.sortKeys(STORAGES.keys, {
  name: 'display_name',
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
})

const LISTED = { listing: STORAGES, kind: 'backupStorage', notFound: storageNotFound, keys: STORAGE_SORT_KEYS } as const

/**
 * Lists storages in batches as the database delivers them. The default order is oldest first.
 *
 * @param keys names of the fields to read and return; undefined for all.
 * @throws VdcError VALUE_REFUSED if the request is not valid; STORAGE_NOT_FOUND if the
 *   storage to start after does not exist.
 */
export async function* listStorages(
  registry: Registry,
  request: StorageListRequest,
  keys?: readonly string[],
): AsyncGenerator<StorageDetails[]> {
  const selection = await chosenStorages(registry, request)
  const page = await list.pageOf(registry, LISTED, request)
  const { fields, present } = presenting(STORAGE, keys)
  for await (const rows of STORAGES.stream(registry.database, selection, page, fields)) yield rows.map(present)
}

/**
 * Counts the storages that `listStorages` would return without a limit.
 *
 * @throws VdcError VALUE_REFUSED if the request is not valid.
 */
export async function countStorages(registry: Registry, request: StorageChoice): Promise<number> {
  return STORAGES.count(registry.database, await chosenStorages(registry, request))
}

async function chosenStorages(registry: Registry, request: StorageChoice): Promise<StorageSelection> {
  const given = validate(choice, request)
  const { storage_type, node_id } = given
  const matching = { display_name: list.patternOf('name', given.name) }
  const common = list.selectionOf(given)
  await list.requireKnown(registry, 'backup_storages', { storage_type: { values: storage_type, known: STORAGE_TYPES } })
  return { ...common, oneOf: { storage_type, node_id }, matching }
}
