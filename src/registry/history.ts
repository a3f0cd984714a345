import type { Queryable } from '../db/database.ts'
import { insertHistories } from '../db/histories.ts'
import type { HistoryRow, NewRow } from '../db/rows.ts'

/** Characters that `histories.vchar_value` holds; what is longer goes into `blob_value`. */
const VCHAR = 255

type Value = string | number | null

/**
 * Records that a thing was created: a row per column, in the table's order,
 * `id` included as NULL (dcmgr.md, "History").
 *
 * @param id the canonical id of the thing.
 * @param at the time in the tables' form, UTC.
 */
export async function recordCreation(
  db: Queryable,
  id: string,
  columns: readonly string[],
  row: Readonly<Record<string, Value>>,
  at: string,
): Promise<void> {
  await insertHistories(
    db,
    columns.map((column) => historyRow(id, column, column === 'id' ? null : (row[column] ?? null), at)),
  )
}

/** Records that columns of a thing changed, a row per column in the order given; `updated_at` is to be the last. */
export async function recordChanges(
  db: Queryable,
  id: string,
  changes: Readonly<Record<string, Value>>,
  at: string,
): Promise<void> {
  await insertHistories(
    db,
    Object.entries(changes).map(([column, value]) => historyRow(id, column, value, at)),
  )
}

function historyRow(uuid: string, attr: string, value: Value, at: string): NewRow<HistoryRow> {
  const text = value === null ? null : String(value)
  const fits = text === null || [...text].length <= VCHAR
  return { uuid, attr, vchar_value: fits ? text : null, blob_value: fits ? null : text, created_at: at }
}
