import type { DeletedSelection } from '../../db/tables/purge.ts'

/** The maximum number of IDs in one query; SQLite takes 32,766 values. */
const MOST = 500

/** Splits a selection into parts with few enough IDs for one query. Returns no part if it has no IDs. */
export function partsOf<S extends DeletedSelection>(selection: S): S[] {
  const { uuids } = selection
  if (uuids === undefined) return [selection]
  const parts: S[] = []
  for (let start = 0; start < uuids.length; start += MOST)
    parts.push({ ...selection, uuids: uuids.slice(start, start + MOST) })
  return parts
}
