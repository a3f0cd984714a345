import type { Database } from '../database.ts'
import {
  LIVING_ACCOUNTS,
  LIVING_IMAGES,
  LIVING_OBJECTS,
  LIVING_STORAGES,
  type Life,
  whereSelected,
} from '../lists/selection.ts'

/** The tables of things with IDs: how they mark deleted rows, and the column with a name for people. */
const TABLES = {
  accounts: { living: LIVING_ACCOUNTS, name: 'description' },
  images: { living: LIVING_IMAGES, name: 'display_name' },
  backup_objects: { living: LIVING_OBJECTS, name: 'display_name' },
  backup_storages: { living: LIVING_STORAGES, name: 'display_name' },
} as const

/** A uuid without its prefix, and the name of its thing. */
interface NamedUuid {
  uuid: string
  name: string | null
}

/**
 * Returns the uuids of a table that begin with exactly `start`, sorted. If there are more
 * than `limit`, returns the first ones and the last one, so that the caller can find their
 * common prefix.
 *
 * @param life only rows that are not deleted, only rows that are, or all.
 */
export async function selectUuidsStartingWith(
  database: Database,
  table: keyof typeof TABLES,
  life: Life,
  start: string,
  limit: number,
): Promise<NamedUuid[]> {
  const pattern = `${start.replace(/[!_%]/g, '!$&')}%`
  const { living, name } = TABLES[table]
  const select = async (order: 'asc' | 'desc', most: number): Promise<NamedUuid[]> => {
    const query = database.knex({ [living.alias]: table })
    whereSelected(database, query, living, { life })
    return query
      .whereRaw("uuid LIKE ? ESCAPE '!'", [pattern])
      .orderBy('uuid', order)
      .limit(most)
      .select('uuid', { name })
  }
  const rows = await select('asc', limit)
  if (rows.length === limit) rows.splice(-1, 1, ...(await select('desc', 1)))
  // LIKE ignores case.
  return rows.filter(({ uuid }) => uuid.startsWith(start))
}
