import * as z from 'zod/mini'
import { type ObjectListRow, type ObjectSelection, objectListing } from '../../db/lists/backup-objects.ts'
import type { Page } from '../../db/lists/order.ts'
import { LIVING_OBJECTS } from '../../db/lists/selection.ts'
import { storageKeysOf } from '../backup-storage/find.ts'
import * as list from '../list-request.ts'
import { presenting } from '../presentation.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { validate } from '../rules/validate.ts'
import { CONTAINER_FORMATS, MD5_LABEL, OBJECT_STATES, VIRTUAL_SIZE_LABEL } from '../rules/values.ts'
import { AllUsers } from './all-users.ts'
import { objectNotFound, requireKnownOwners } from './find.ts'
import { type ObjectSummary, OF_USERS, summaryFor } from './summary.ts'

const choice = z.object({
  ...list.choice,
  /** IDs of owners, with or without prefix. */
  account_id: list.anyOf,
  /** A pattern (`parseGlob`). */
  name: z.optional(z.string()),
  state: list.anyOf,
  container_format: list.anyOf,
  service_type: list.anyOf,
  storage_id: list.anyOf,
  checksum: list.anyOf,
  /** Only objects that no image uses, unless it is deleted. */
  unused: z.optional(z.boolean()),
})

/** Filters for a list of objects. */
export type ObjectChoice = z.input<typeof choice>
/** Filters, order and page for a list of objects. */
export type ObjectListRequest = ObjectChoice & list.PageRequest

const OBJECTS = objectListing({ virtualSize: VIRTUAL_SIZE_LABEL, md5: MD5_LABEL })

/** The sort keys for a list of objects. */
export const OBJECT_SORT_KEYS = list.sortKeys(OBJECTS.keys, {
  name: 'display_name',
  account: 'account_id',
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
})

const LISTED = { listing: OBJECTS, kind: 'backupObject', notFound: objectNotFound, keys: OBJECT_SORT_KEYS } as const

/**
 * Lists objects in batches as the database delivers them. The default order is oldest first.
 *
 * @param keys names of the fields to read and return; undefined for all.
 * @throws VdcError VALUE_REFUSED if the request is not valid; OBJECT_NOT_FOUND if the
 *   object to start after does not exist; ACCOUNT_NOT_FOUND or STORAGE_NOT_FOUND if
 *   an ID to filter by does not exist.
 */
export async function* listObjects(
  registry: Registry,
  request: ObjectListRequest,
  keys?: readonly string[],
): AsyncGenerator<ObjectSummary[]> {
  const selection = await chosenObjects(registry, request)
  const page = await list.pageOf(registry, LISTED, request)
  const needsUsers = request.unused || keys === undefined || keys.some((key) => OF_USERS.includes(key))
  const users = needsUsers ? await AllUsers.read(registry) : undefined
  const { fields, present } = presenting(summaryFor(users, keys?.includes('used_by') ?? false), keys)
  const rows = request.unused
    ? unusedOf(registry, selection, page, [...new Set([...fields, 'uuid' as const])], users)
    : OBJECTS.stream(registry.database, selection, page, fields)
  for await (const some of rows) yield (some as ObjectListRow[]).map(present)
}

/**
 * Counts the objects that `listObjects` would return without a limit.
 *
 * @throws VdcError VALUE_REFUSED if the request is not valid; ACCOUNT_NOT_FOUND or
 *   STORAGE_NOT_FOUND if an ID to filter by does not exist.
 */
export async function countObjects(registry: Registry, request: ObjectChoice): Promise<number> {
  const selection = await chosenObjects(registry, request)
  if (!request.unused) return OBJECTS.count(registry.database, selection)
  let count = 0
  const users = await AllUsers.read(registry)
  for await (const rows of unusedOf(registry, selection, { order: [] }, ['uuid'], users)) count += rows.length
  return count
}

/** Streams the objects that no image uses. The volumes that use objects are YAML, which no query can read. */
async function* unusedOf<F extends keyof ObjectListRow & string>(
  { database }: Registry,
  selection: ObjectSelection,
  { limit = Number.POSITIVE_INFINITY, ...page }: Page<(typeof OBJECTS.keys)[number]>,
  fields: readonly (F | 'uuid')[],
  users: AllUsers | undefined,
): AsyncGenerator<Pick<ObjectListRow, F | 'uuid'>[]> {
  let left = limit
  for await (const rows of OBJECTS.stream(database, selection, page, fields)) {
    const unused = rows.filter(({ uuid }) => !users?.has(canonicalId('backupObject', uuid))).slice(0, left)
    left -= unused.length
    if (unused.length > 0) yield unused
    if (left <= 0) return
  }
}

async function chosenObjects(registry: Registry, request: ObjectChoice): Promise<ObjectSelection> {
  const given = validate(choice, request)
  const { container_format, service_type, state } = given
  const common = list.selectionOf(given)
  const matching = { display_name: list.patternOf('name', given.name) }
  const checksums = list.checksumsOf(given.checksum)
  await list.requireKnown(registry, 'backup_objects', {
    state: { values: state, known: OBJECT_STATES },
    container_format: { values: container_format, known: CONTAINER_FORMATS },
  })
  const account_id = await requireKnownOwners(registry.database, given.account_id)
  return {
    ...common,
    life: list.lifeOfStates(common.life, state, LIVING_OBJECTS.deletedStates),
    oneOf: { account_id, container_format, service_type },
    matching,
    states: state,
    storageKeys: await storageKeysOf(registry.database.knex, given.storage_id),
    checksums,
  }
}
