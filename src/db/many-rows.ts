import type { Queryable } from './database.ts'
import type { Lock } from './locks.ts'
import { marks, select } from './statement.ts'
import { completeRows } from './wakame-schema.ts'
import type { Tables } from './writes.ts'

/** The tables that hold the registry itself. */
export type RegistryTables = Pick<
  Tables,
  'accounts' | 'backup_storages' | 'backup_objects' | 'images' | 'resource_labels'
>

type WithUuid = Exclude<keyof RegistryTables, 'resource_labels'>

/** The first `limit` rows of a table whose integer id is above `after`, in the order of that. */
export async function selectRowsAfter<T extends keyof RegistryTables>(
  db: Queryable,
  table: T,
  after: number,
  limit: number,
): Promise<Tables[T][]> {
  const rows = await db(table).where('id', '>', after).orderBy('id').limit(limit)
  return completeRows(table, rows) as never
}

/** The rows, deleted or not, that have one of these uuids, whatever its case; oldest first. */
export async function selectRowsByUuid<T extends WithUuid>(
  db: Queryable,
  table: T,
  uuids: readonly string[],
  options: { lock?: Lock } = {},
): Promise<Tables[T][]> {
  if (uuids.length === 0) return []
  const all = `SELECT * FROM ${table} WHERE uuid IN ${marks(uuids)} ORDER BY id`
  return completeRows(table, await select<Tables[T]>(db, all, uuids, options.lock))
}
