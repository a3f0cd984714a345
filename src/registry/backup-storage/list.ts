import * as z from 'zod/mini'
import {
  countStorageRows,
  findStoragePosition,
  STORAGE_ORDER_KEYS,
  type StorageOrderKey,
  type StorageSelection,
  streamStorages,
} from '../../db/backup-storage-list.ts'
import type { Page } from '../../db/order.ts'
import { parseId } from '../identifiers.ts'
import * as list from '../list-request.ts'
import type { Registry } from '../registry.ts'
import { validate } from '../validate.ts'
import { STORAGE_TYPES } from '../values.ts'
import { presentStorage, type StorageDetails } from './details.ts'
import { storageNotFound } from './find.ts'

const choice = z.object({
  ...list.choice,
  /** A pattern (`parseGlob`). */
  name: z.optional(z.string()),
  storage_type: list.anyOf,
  node_id: list.anyOf,
})
const pageRequest = z.object(list.page)

/** Which storages to list. */
export type StorageChoice = z.input<typeof choice>
/** Which storages to list, in which order, and which part of that. */
export type StorageListRequest = StorageChoice & z.input<typeof pageRequest>

/** What a list of storages can be sorted by. */
const SORT_KEYS = list.sortKeys(STORAGE_ORDER_KEYS, {
  name: 'display_name',
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
})

/**
 * Lists the storages as the database delivers them, without another order oldest first.
 *
 * @throws VdcError VALUE_REFUSED; STORAGE_NOT_FOUND for one to go on behind.
 */
export async function* listStorages(registry: Registry, request: StorageListRequest): AsyncGenerator<StorageDetails> {
  const selection = await chosenStorages(registry, request)
  const page = await storagePage(registry, request)
  for await (const row of streamStorages(registry.database, selection, page)) yield presentStorage(row)
}

/**
 * Counts the storages that `listStorages` would list without a limit.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export async function countStorages(registry: Registry, request: StorageChoice): Promise<number> {
  return countStorageRows(registry.database, await chosenStorages(registry, request))
}

async function chosenStorages(registry: Registry, request: StorageChoice): Promise<StorageSelection> {
  const given = validate(choice, request)
  const { storage_type, node_id } = given
  const matching = { display_name: list.patternOf('name', given.name) }
  const common = list.selectionOf(given)
  await list.requireKnown(registry, 'backup_storages', { storage_type: { values: storage_type, known: STORAGE_TYPES } })
  return { ...common, oneOf: { storage_type, node_id }, matching }
}

async function storagePage(registry: Registry, request: StorageListRequest): Promise<Page<StorageOrderKey>> {
  return list.pageOf(validate(pageRequest, request), SORT_KEYS, async (order, id) => {
    const uuid = parseId('backupStorage', id)
    const position = await findStoragePosition(registry.database, order, uuid)
    if (position === undefined) throw storageNotFound(uuid)
    return position
  })
}
