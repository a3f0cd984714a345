import type { Queryable } from '../../db/database.ts'
import { selectTimesTold } from '../../db/tables/purge.ts'
import type { BackupObjectRow, ImageRow } from '../../db/tables/rows.ts'
import { canonicalId } from '../rules/identifiers.ts'

type Deleted = Pick<ImageRow | BackupObjectRow, 'id' | 'uuid' | 'deleted_at' | 'updated_at'>

/**
 * Since when things have been deleted here, as the tables hold it, by their integer
 * ids. A row says when, but a row that was imported says what its file said. The
 * history is this registry's own, begins anew with an import, and tells a time long
 * gone only then: so the age of what was imported counts from its import.
 *
 * @param rows of things that are deleted.
 */
export async function deletedSince(
  db: Queryable,
  kind: 'image' | 'backupObject',
  rows: readonly Deleted[],
): Promise<Map<number, string>> {
  const since = new Map(rows.map((row) => [row.id, row.deleted_at ?? row.updated_at]))
  const byId = new Map(rows.map((row) => [canonicalId(kind, row.uuid), row]))
  const last = new Map<Deleted, { time: string; toldAt: string }>()
  for (const { uuid, attr, time, created_at: toldAt } of await selectTimesTold(db, [...byId.keys()])) {
    const row = byId.get(uuid)
    // Where only the state says that it is deleted, its last change counts.
    if (row !== undefined && attr === (row.deleted_at === null ? 'updated_at' : 'deleted_at'))
      last.set(row, { time, toldAt })
  }
  for (const [row, { time, toldAt }] of last)
    if (time < toldAt && toldAt > (since.get(row.id) as string)) since.set(row.id, toldAt)
  return since
}

/** Those of some deleted things that were deleted before a time. */
export async function deletedBefore<T extends Deleted>(
  db: Queryable,
  kind: 'image' | 'backupObject',
  rows: readonly T[],
  before: string,
): Promise<T[]> {
  const since = await deletedSince(db, kind, rows)
  return rows.filter((row) => (since.get(row.id) as string) < before)
}
