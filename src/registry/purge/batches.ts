import type { DeletedSelection } from '../../db/tables/purge.ts'

/** Ids that one query names: SQLite takes 32,766 values. */
const MOST = 500

/** A selection in parts of which a query can name all ids; none where it is empty. */
export function partsOf({ before, uuids }: DeletedSelection): DeletedSelection[] {
  if (uuids === undefined) return [{ before }]
  const parts: DeletedSelection[] = []
  for (let start = 0; start < uuids.length; start += MOST)
    parts.push({ before, uuids: uuids.slice(start, start + MOST) })
  return parts
}
