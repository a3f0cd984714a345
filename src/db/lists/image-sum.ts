import type { Database } from '../database.ts'
import type { Int64 } from '../tables/rows.ts'
import { joinObject, whereChosen } from './images.ts'
import { countRows } from './listing.ts'
import { LIVING_OBJECTS, whereSelected } from './selection.ts'

/** IDs in one query at most. */
const MOST_IDS = 500

/**
 * Counts the images of an account that are not deleted, and sums the file sizes of
 * their backup objects that are not deleted, each object once.
 *
 * @param accountId canonical.
 * @param volumes canonical IDs of the objects that the volumes of these images are created from.
 * @returns the bytes as decimal text; they may exceed 2^63.
 */
export async function sumOfImages(
  database: Database,
  accountId: string,
  volumes: readonly string[],
): Promise<{ images: number; bytes: Int64 }> {
  const own = () => {
    const query = database.knex('images as i')
    whereChosen(database, query, { life: 'alive', ownedBy: accountId })
    return query
  }
  const files = (...columns: string[]) => {
    const query = own().distinct(columns)
    joinObject(database, query)
    whereSelected(database, query, LIVING_OBJECTS, { life: 'alive' })
    return query
  }
  // In two halves, because sums in SQLite have 64 bits.
  const sum: { high: Int64 | null; low: Int64 | null } | undefined = await database.knex
    .from(files('o.id', 'o.allocation_size').as('files'))
    .first(
      database.knex.raw('SUM(allocation_size >> 32) AS ??', ['high']),
      database.knex.raw('SUM(allocation_size & 4294967295) AS ??', ['low']),
    )
  let bytes = (BigInt(sum?.high ?? 0) << 32n) + BigInt(sum?.low ?? 0)
  for (let start = 0; start < volumes.length; start += MOST_IDS) {
    const uuids = volumes.slice(start, start + MOST_IDS).map((id) => id.slice('bo-'.length))
    const more = database.knex('backup_objects as o').whereIn('o.uuid', uuids)
    whereSelected(database, more, LIVING_OBJECTS, { life: 'alive' })
    more.whereNotIn('o.id', files('o.id'))
    const rows: { uuid: string; allocation_size: Int64 }[] = await more.select('o.uuid', 'o.allocation_size')
    // The collation ignores case.
    for (const row of rows) if (uuids.includes(row.uuid)) bytes += BigInt(row.allocation_size)
  }
  return { images: await countRows(own()), bytes: String(bytes) }
}
