import type { Knex } from 'knex'
import { VdcError } from '../../core/errors.ts'
import type { Database, Queryable } from '../database.ts'
import {
  LIVING_ACCOUNTS,
  LIVING_IMAGES,
  LIVING_OBJECTS,
  LIVING_STORAGES,
  type Life,
  whereLife,
  whereOneOf,
  whereSelected,
} from '../lists/selection.ts'
import { exact } from '../sql/exact-text.ts'

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

/** A table of things with display names. */
export type NamedTable = Exclude<keyof typeof TABLES, 'accounts'>

/** Names in one statement. */
const MOST_NAMES = 1000

/**
 * Returns the uuids of the rows that have one of the display names, oldest first. Case and trailing
 * spaces count. Reads the whole table, once for each 1,000 names.
 */
export async function selectUuidsNamed(
  db: Queryable,
  table: NamedTable,
  life: Life,
  names: readonly string[],
): Promise<{ uuid: string; name: string }[]> {
  const { living } = TABLES[table]
  const found: { uuid: string; name: string }[] = []
  for (let start = 0; start < names.length; start += MOST_NAMES) {
    const query = db({ [living.alias]: table })
    whereLife({ knex: db }, query, living, life)
    whereOneOf({ knex: db }, query, `${living.alias}.display_name`, names.slice(start, start + MOST_NAMES))
    found.push(...(await namesFrom(query)))
  }
  return found
}

/** Returns the display names of the `limit` newest rows of a table. */
export async function selectNewestNames(
  db: Queryable,
  table: NamedTable,
  life: Life,
  limit: number,
): Promise<string[]> {
  const { living } = TABLES[table]
  const query = db({ [living.alias]: table })
  whereLife({ knex: db }, query, living, life)
  return (await namesFrom(query, limit)).map(({ name }) => name)
}

/** The last code point, which sorts behind all others in UTF-8. */
const LAST = '\u{10ffff}'

/**
 * Returns the display names that begin with exactly `start` and that only one row has, sorted by their
 * bytes. If there are more than `limit`, returns the first ones and the last one, as
 * `selectUuidsStartingWith`.
 */
export async function selectUniqueNames(
  db: Queryable,
  table: NamedTable,
  life: Life,
  start: string,
  limit: number,
): Promise<{ uuid: string; name: string }[]> {
  const { living } = TABLES[table]
  const name = exact({ knex: db }, `${living.alias}.display_name`)
  const select = async (order: 'asc' | 'desc', most: number): Promise<{ uuid: string; name: string }[]> => {
    const query = db({ [living.alias]: table })
    whereLife({ knex: db }, query, living, life)
    query.whereRaw('? BETWEEN ? AND ?', [name, start, start + LAST])
    return query
      .groupBy(name as never)
      .havingRaw('COUNT(*) = 1')
      .orderBy(name as never, order)
      .limit(most)
      .min({ uuid: `${living.alias}.uuid`, name: `${living.alias}.display_name` })
  }
  const rows = await select('asc', limit)
  if (rows.length === limit) rows.splice(-1, 1, ...(await select('desc', 1)))
  return rows
}

/** Returns no rows of a table that has no display names, as in some releases of Wakame-vdc. */
async function namesFrom(query: Knex.QueryBuilder, newest?: number): Promise<{ uuid: string; name: string }[]> {
  if (newest === undefined) query.orderBy('id')
  else query.orderBy('id', 'desc').limit(newest)
  try {
    return await query.whereNotNull('display_name').select('uuid', { name: 'display_name' })
  } catch (error) {
    if (error instanceof VdcError && error.code === 'SCHEMA_OLDER') return []
    throw error
  }
}
