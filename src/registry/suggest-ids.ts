import type { Life } from '../db/lists/selection.ts'
import { selectUuidsStartingWith } from '../db/tables/uuids.ts'
import type { Registry } from './registry.ts'
import { canonicalId, isUuid, type Kind, prefixOf } from './rules/identifiers.ts'

const TABLES = {
  account: 'accounts',
  image: 'images',
  backupObject: 'backup_objects',
  backupStorage: 'backup_storages',
} as const

/** How many ids are suggested at most. */
const LIMIT = 200

/** An id, and what its thing is called: the display name, or an account's description. */
export interface SuggestedId {
  id: string
  name: string | null
}

/**
 * The ids of things that begin with what was typed so far, for completion. Of
 * very many it is some, but what they have in common at their start all of them have.
 *
 * @param life those that aren't deleted, those that are, or both.
 */
export async function suggestIds(registry: Registry, kind: Kind, life: Life, typed: string): Promise<SuggestedId[]> {
  const prefix = prefixOf(kind)
  const start = typed.startsWith(prefix) ? typed.slice(prefix.length) : ''
  if (start === '' && !prefix.startsWith(typed)) return []
  const found = await selectUuidsStartingWith(registry.database, TABLES[kind], life, start, LIMIT)
  // No command takes others, and bash inserts them as they are: they could be commands themselves.
  return found.filter(({ uuid }) => isUuid(uuid)).map(({ uuid, name }) => ({ id: canonicalId(kind, uuid), name }))
}
