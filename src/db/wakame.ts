import type { Queryable } from './database.ts'
import { isSqlite } from './exact.ts'

/** Says whether Wakame-vdc created the database, so that its own programs use it too. */
export async function isOfWakame(db: Queryable): Promise<boolean> {
  return !isSqlite(db) && (await db.schema.hasTable('schema_info'))
}
