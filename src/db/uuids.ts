import type { Queryable } from './database.ts'

/** The tables of things that have ids, and the column that says to people what a thing is. */
const NAMES = {
  accounts: 'description',
  images: 'display_name',
  backup_objects: 'display_name',
  backup_storages: 'display_name',
} as const

/** An uuid without its prefix, and what its thing is called. */
interface NamedUuid {
  uuid: string
  name: string | null
}

/**
 * The uuids of a table's rows that aren't deleted and begin with exactly
 * `start`, in their order. Of more than `limit` it is the first ones and the
 * last one, so that what all of them begin with can be told.
 */
export async function selectUuidsStartingWith(
  db: Queryable,
  table: keyof typeof NAMES,
  start: string,
  limit: number,
): Promise<NamedUuid[]> {
  const pattern = `${start.replace(/[!_%]/g, '!$&')}%`
  const select = (order: 'asc' | 'desc', most: number): Promise<NamedUuid[]> =>
    db(table)
      .whereNull('deleted_at')
      .whereRaw("uuid LIKE ? ESCAPE '!'", [pattern])
      .orderBy('uuid', order)
      .limit(most)
      .select('uuid', { name: NAMES[table] })
  const rows = await select('asc', limit)
  if (rows.length === limit) rows.splice(-1, 1, ...(await select('desc', 1)))
  // LIKE ignores case.
  return rows.filter(({ uuid }) => uuid.startsWith(start))
}
