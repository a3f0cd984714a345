import type { Queryable } from '../database.ts'
import { distinctTexts, isSqlite } from '../sql/exact-text.ts'
import { marks, select } from '../statement.ts'
import type { HistoryRow, NewRow } from './rows.ts'
import { insertRows } from './writes.ts'

export async function insertHistories(db: Queryable, rows: readonly NewRow<HistoryRow>[]): Promise<void> {
  await insertRows(db, 'histories', rows)
}

/**
 * Those of some things, given by their canonical ids, that have a history. Their
 * case may differ from what is asked for: of all on MySQL, on SQLite of images
 * that were purged.
 */
export async function selectIdsWithHistory(db: Queryable, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const exact = await distinctTexts(db, db('histories').whereIn('uuid', ids), 'uuid')
  // On MySQL, these are among them already.
  return isSqlite(db) ? [...new Set([...exact, ...(await selectPurgedIds(db, ids))])] : exact
}

/** The first `limit` marks of purged images above an integer id: the rows that a purge leaves in their histories. */
export async function selectPurgesAfter(db: Queryable, after: number, limit: number): Promise<HistoryRow[]> {
  return db<HistoryRow>('histories')
    .where('id', '>', after)
    .where('attr', 'purged_at')
    .where('uuid', 'like', 'wmi-%')
    .orderBy('id')
    .limit(limit)
}

/** Those of some images, given by their canonical ids, that were purged; their case may differ from what is asked for. */
export async function selectPurgedIds(db: Queryable, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const query = db('histories').whereRaw("attr = 'purged_at'")
  // On SQLite the column tells case apart; an index that does not has these rows alone.
  if (isSqlite(db)) query.whereRaw(`uuid COLLATE NOCASE IN (${ids.map(() => '?').join(', ')})`, [...ids])
  else query.whereIn('uuid', ids)
  return distinctTexts(db, query, 'uuid')
}

/**
 * All history rows of a thing, given by its canonical id, in the order of their
 * integer ids: `created_at` is the clock of whichever host wrote a row.
 */
export async function selectHistories(db: Queryable, id: string): Promise<HistoryRow[]> {
  const rows: HistoryRow[] = await db<HistoryRow>('histories').where({ uuid: id }).orderBy('id')
  // The collation ignores case and trailing blanks.
  return rows.filter((row) => row.uuid === id)
}

/** All values that the histories of some things, given by their canonical ids, tell of a column. */
export async function selectValuesTold(
  db: Queryable,
  ids: readonly string[],
  attr: string,
): Promise<{ id: string; value: string }[]> {
  if (ids.length === 0) return []
  const told = `SELECT uuid AS id, vchar_value AS value FROM histories WHERE uuid IN ${marks(ids)} AND attr = ? AND vchar_value IS NOT NULL`
  return select(db, told, [...ids, attr])
}

/** The last state that the histories of some images, given by their canonical ids, tell and that is not `deleted`. */
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
