import type { Queryable } from '../database.ts'
import { completeRows } from '../schema/wakame-schema.ts'
import { marks, select } from '../statement.ts'
import type { Lock } from '../transactions/locks.ts'
import type { Tables } from './rows.ts'

/** The tables that a registry consists of, without histories. */
export type RegistryTables = Pick<
  Tables,
  'accounts' | 'backup_storages' | 'backup_objects' | 'images' | 'resource_labels'
>

type WithUuid = Exclude<keyof RegistryTables, 'resource_labels'>

/** Values in one statement at most; SQLite allows 32,766. */
const MOST_VALUES = 10_000

/** Returns the first `limit` rows of a table with an integer ID above `after`, sorted by integer ID. */
export async function selectRowsAfter<T extends keyof RegistryTables>(
  db: Queryable,
  table: T,
  after: number,
  limit: number,
): Promise<Tables[T][]> {
  const rows = await select<Tables[T]>(db, `SELECT * FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`, [after, limit])
  return completeRows(table, rows)
}

/** Returns the rows, deleted or not, that have one of the uuids, ignoring case; oldest first. */
export async function selectRowsByUuid<T extends WithUuid>(
  db: Queryable,
  table: T,
  uuids: readonly string[],
  options: { lock?: Lock } = {},
): Promise<Tables[T][]> {
  if (uuids.length === 0) return []
  const sql = `SELECT * FROM ${table} WHERE uuid IN ${marks(uuids)} ORDER BY id`
  return completeRows(table, await select<Tables[T]>(db, sql, uuids, options.lock))
}

/** Returns the uuids of the rows, deleted or not, that have one of the uuids, ignoring case. Takes any number of uuids. */
export async function selectUuidsThere(db: Queryable, table: WithUuid, uuids: readonly string[]): Promise<string[]> {
  const there: string[] = []
  for (let start = 0; start < uuids.length; start += MOST_VALUES) {
    const some = uuids.slice(start, start + MOST_VALUES)
    const rows = await select<{ uuid: string }>(db, `SELECT uuid FROM ${table} WHERE uuid IN ${marks(some)}`, some)
    for (const { uuid } of rows) there.push(uuid)
  }
  return there
}
