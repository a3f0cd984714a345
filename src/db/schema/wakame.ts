import type { Queryable } from '../database.ts'
import { isSqlite } from '../sql/exact-text.ts'

/** Results of `isOfWakame`. The key is the configuration that all handles of a database share. */
const known = new WeakMap<object, boolean>()

/** Returns true if Wakame-vdc created the database, so that its programs use it too. Queries the database once. */
export async function isOfWakame(db: Queryable): Promise<boolean> {
  const { config } = db.client
  const isIt = known.get(config) ?? (!isSqlite(db) && (await db.schema.hasTable('schema_info')))
  known.set(config, isIt)
  return isIt
}
