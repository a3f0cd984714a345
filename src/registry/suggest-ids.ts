import type { Life } from '../db/lists/selection.ts'
import { selectUuidsThere } from '../db/tables/many-rows.ts'
import { selectUniqueNames, selectUuidsStartingWith } from '../db/tables/uuids.ts'
import { isPrefixed, NAMED_TABLES } from './names/names.ts'
import type { Registry } from './registry.ts'
import { canonicalId, isUuid, type Kind, prefixOf } from './rules/identifiers.ts'

const TABLES = {
  account: 'accounts',
  image: 'images',
  backupObject: 'backup_objects',
  backupStorage: 'backup_storages',
} as const

/** The maximum number of suggested IDs. */
const LIMIT = 200

/** An ID with its display name, or for an account its description. */
export interface SuggestedId {
  id: string
  name: string | null
}

/**
 * Returns the IDs that start with the typed text, for completion. If there are too many,
 * returns some of them that have the same common prefix as all of them.
 *
 * @param life whether to return existing rows, deleted rows or both.
 */
export async function suggestIds(registry: Registry, kind: Kind, life: Life, typed: string): Promise<SuggestedId[]> {
  const prefix = prefixOf(kind)
  const start = typed.startsWith(prefix) ? typed.slice(prefix.length) : ''
  if (start === '' && !prefix.startsWith(typed)) return []
  const found = await selectUuidsStartingWith(registry.database, TABLES[kind], life, start, LIMIT)
  // No command accepts other IDs, and bash inserts them unquoted: they could contain shell commands.
  return found.filter(({ uuid }) => isUuid(uuid)).map(({ uuid, name }) => ({ id: canonicalId(kind, uuid), name }))
}

/**
 * Returns the display names that start with the typed text and that stand for one thing each, for
 * completion. If there are too many, returns some, as `suggestIds`.
 *
 * @param life whether the names of existing or of deleted rows count.
 */
export async function suggestNames(registry: Registry, kind: Kind, life: Life, typed: string): Promise<SuggestedId[]> {
  if (kind === 'account' || typed.startsWith(prefixOf(kind))) return []
  const { knex } = registry.database
  const table = NAMED_TABLES[kind]
  const found = await selectUniqueNames(knex, table, life === 'deleted' ? life : 'alive', typed, LIMIT)
  const mayBeIds = found.map(({ name }) => name).filter(isUuid)
  const ids = mayBeIds.length === 0 ? [] : await selectUuidsThere(knex, table, mayBeIds)
  // Commands take words that begin with - for options, and those that are IDs, also without prefix, for IDs.
  const isName = (name: string) =>
    !/^(?:-|$)/.test(name) && !name.startsWith(prefixOf(kind)) && !isPrefixed(name) && !ids.includes(name)
  return found.filter(({ name }) => isName(name)).map(({ uuid, name }) => ({ id: canonicalId(kind, uuid), name }))
}
