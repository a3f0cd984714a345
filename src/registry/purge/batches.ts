import type { DeletedSelection } from '../../db/tables/purge.ts'

/** The maximum number of IDs in one query; SQLite takes 32,766 values. */
const MOST = 500

/** Splits a selection into parts with few enough IDs for one query. Returns no part if it has no IDs. */
export function partsOf({ before, uuids }: DeletedSelection): DeletedSelection[] {
  if (uuids === undefined) return [{ before }]
  const parts: DeletedSelection[] = []
  for (let start = 0; start < uuids.length; start += MOST)
    parts.push({ before, uuids: uuids.slice(start, start + MOST) })
  return parts
}
