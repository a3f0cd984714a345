import { selectUuidsStartingWith } from '../db/uuids.ts'
import { canonicalId, type Kind, prefixOf } from './identifiers.ts'
import type { Registry } from './registry.ts'

const TABLES = {
  account: 'accounts',
  image: 'images',
  backupObject: 'backup_objects',
  backupStorage: 'backup_storages',
} as const

/** How many ids are suggested at most. */
const LIMIT = 200

/** The ids of things that aren't deleted and begin with what was typed so far, for completion. */
export async function suggestIds(registry: Registry, kind: Kind, typed: string): Promise<string[]> {
  const prefix = prefixOf(kind)
  const start = typed.startsWith(prefix) ? typed.slice(prefix.length) : ''
  if (start === '' && !prefix.startsWith(typed)) return []
  const uuids = await selectUuidsStartingWith(registry.database.knex, TABLES[kind], start, LIMIT)
  return uuids.map((uuid) => canonicalId(kind, uuid))
}
