import type { Queryable } from './database.ts'

/** The uuids of a table's rows that aren't deleted and begin with exactly `start`, in their order, `limit` at most. */
export async function selectUuidsStartingWith(
  db: Queryable,
  table: 'accounts' | 'images' | 'backup_objects' | 'backup_storages',
  start: string,
  limit: number,
): Promise<string[]> {
  const pattern = `${start.replace(/[!_%]/g, '!$&')}%`
  const uuids: string[] = await db(table)
    .whereNull('deleted_at')
    .whereRaw("uuid LIKE ? ESCAPE '!'", [pattern])
    .orderBy('uuid')
    .limit(limit)
    .pluck('uuid')
  // LIKE ignores case.
  return uuids.filter((uuid) => uuid.startsWith(start))
}
