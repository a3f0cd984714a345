import type { Queryable } from '../database.ts'
import { distinctTexts, isSqlite } from '../sql/exact-text.ts'
import { marks, select } from '../statement.ts'
import type { HistoryRow, NewRow } from './rows.ts'
import { insertRows } from './writes.ts'

/** Inserts history rows. */
export async function insertHistories(db: Queryable, rows: readonly NewRow<HistoryRow>[]): Promise<void> {
  await insertRows(db, 'histories', rows)
}

/**
 * Returns those of the canonical IDs that have a history. IDs that differ only in case
 * are included: on MySQL all, on SQLite those of purged images.
 */
export async function selectIdsWithHistory(db: Queryable, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const exact = await distinctTexts(db, db('histories').whereIn('uuid', ids), 'uuid')
  // On MySQL, the purged IDs are already included.
  return isSqlite(db) ? [...new Set([...exact, ...(await selectPurgedIds(db, ids))])] : exact
}

/** Returns the first `limit` history rows with an integer ID above `after` that record the purge of an image. */
export async function selectPurgesAfter(db: Queryable, after: number, limit: number): Promise<HistoryRow[]> {
  return db<HistoryRow>('histories')
    .where('id', '>', after)
    .where('attr', 'purged_at')
    .where('uuid', 'like', 'wmi-%')
    .orderBy('id')
    .limit(limit)
}

/** Returns those of the canonical image IDs that were purged. IDs that differ only in case are included. */
export async function selectPurgedIds(db: Queryable, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const query = db('histories').whereRaw("attr = 'purged_at'")
  // On SQLite, case counts in the column, but an index of just these rows ignores it.
  if (isSqlite(db)) query.whereRaw(`uuid COLLATE NOCASE IN (${ids.map(() => '?').join(', ')})`, [...ids])
  else query.whereIn('uuid', ids)
  return distinctTexts(db, query, 'uuid')
}

/**
 * Returns all history rows with one of the IDs, sorted by integer ID: the clocks of the hosts that set
 * `created_at` may differ.
 */
export async function selectHistories(db: Queryable, ids: readonly string[]): Promise<HistoryRow[]> {
  const rows: HistoryRow[] = await db<HistoryRow>('histories').whereIn('uuid', ids).orderBy('id')
  // The collation ignores case and trailing spaces.
  return rows.filter((row) => ids.includes(row.uuid))
}

/** Returns all values of a column in the histories of the canonical IDs. */
export async function selectValuesTold(
  db: Queryable,
  ids: readonly string[],
  attr: string,
): Promise<{ id: string; value: string }[]> {
  if (ids.length === 0) return []
  const told = `SELECT uuid AS id, vchar_value AS value FROM histories WHERE uuid IN ${marks(ids)} AND attr = ? AND vchar_value IS NOT NULL`
  return select(db, told, [...ids, attr])
}

/** Returns the last state other than `deleted` in the histories of images, by canonical ID. */
export async function selectStatesBeforeDeletion(db: Queryable, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows: { uuid: string; state: string }[] = await db('histories')
    .whereIn('uuid', ids)
    .where('attr', 'state')
    .whereNotNull('vchar_value')
    .whereNot('vchar_value', 'deleted')
    .orderBy('id')
    .select('uuid', 'vchar_value as state')
  return new Map(rows.map(({ uuid, state }) => [uuid, state]))
}
