import type { Queryable } from '../../db/database.ts'
import { selectTimesTold } from '../../db/tables/purge.ts'
import type { BackupObjectRow, ImageRow } from '../../db/tables/rows.ts'
import { canonicalId } from '../rules/identifiers.ts'

type Deleted = Pick<ImageRow | BackupObjectRow, 'id' | 'uuid' | 'deleted_at' | 'updated_at'>

/**
 * Returns since when rows have been deleted in this registry, as stored in the tables, by
 * integer ID. An imported row has the deletion time of the registry that it came from. Its
 * history, however, begins with the import, and only an import records a time that is
 * older than its entry; so the age of imported rows counts from their import.
 *
 * @param rows deleted rows.
 */
export async function deletedSince(
  db: Queryable,
  kind: 'image' | 'backupObject',
  rows: readonly Deleted[],
): Promise<Map<number, string>> {
  const since = new Map(rows.map((row) => [row.id, row.deleted_at ?? row.updated_at]))
  const byId = new Map(rows.map((row) => [canonicalId(kind, row.uuid), row]))
  const last = new Map<Deleted, { time: string; recordedAt: string }>()
  for (const { uuid, attr, time, created_at: recordedAt } of await selectTimesTold(db, [...byId.keys()])) {
    const row = byId.get(uuid)
    // If only the state marks the row as deleted, its last change counts.
    if (row !== undefined && attr === (row.deleted_at === null ? 'updated_at' : 'deleted_at'))
      last.set(row, { time, recordedAt })
  }
  for (const [row, { time, recordedAt }] of last)
    if (time < recordedAt && recordedAt > (since.get(row.id) as string)) since.set(row.id, recordedAt)
  return since
}

/** Returns the rows that were deleted before a given time, as `deletedSince` defines it. */
export async function deletedBefore<T extends Deleted>(
  db: Queryable,
  kind: 'image' | 'backupObject',
  rows: readonly T[],
  before: string,
): Promise<T[]> {
  const since = await deletedSince(db, kind, rows)
  return rows.filter((row) => (since.get(row.id) as string) < before)
}
