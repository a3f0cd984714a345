import type { Queryable } from '../database.ts'
import { isSqlite } from '../sql/exact-text.ts'

/** Answers of `isOfWakame`, by the configuration that all handles of a database share. */
const known = new WeakMap<object, boolean>()

/** Says whether Wakame-vdc created the database, so that its own programs use it too. Queries the database once. */
export async function isOfWakame(db: Queryable): Promise<boolean> {
  const { config } = db.client
  const isIt = known.get(config) ?? (!isSqlite(db) && (await db.schema.hasTable('schema_info')))
  known.set(config, isIt)
  return isIt
}
