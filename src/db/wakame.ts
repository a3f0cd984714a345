import type { Queryable } from './database.ts'
import { isSqlite } from './exact.ts'

/** What is known of databases, by what their handles have in common. */
const known = new WeakMap<object, boolean>()

/** Says whether Wakame-vdc created the database, so that its own programs use it too. Asks the database once. */
export async function isOfWakame(db: Queryable): Promise<boolean> {
  const { config } = db.client
  const isIt = known.get(config) ?? (!isSqlite(db) && (await db.schema.hasTable('schema_info')))
  known.set(config, isIt)
  return isIt
}
