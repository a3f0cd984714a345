import type { Queryable } from '../../db/database.ts'
import { recordAllChanges } from '../history/history.ts'
import type { Item } from './batches.ts'

/**
 * Writes the changed columns of items, with `now` as `updated_at`, and records them in the
 * history. Skips items without changed columns.
 *
 * @param update writes columns of rows, by integer ID.
 * @param rows the rows before the change.
 * @param changes the columns to change (`changesOf`).
 * @param now the current time as stored in the tables.
 */
export async function writeChanges<I extends Item, R extends { id: number; updated_at: string }>(
  db: Queryable,
  update: (db: Queryable, changes: ReadonlyMap<number, Partial<R>>) => Promise<void>,
  rows: ReadonlyMap<I, R>,
  changes: ReadonlyMap<I, Partial<R>>,
  now: string,
): Promise<void> {
  const changed = [...changes].filter(([, columns]) => Object.keys(columns).length > 0)
  const written = changed.map(([item, columns]) => ({
    id: item.id,
    row: rows.get(item) as R,
    columns: { ...columns, updated_at: now },
  }))
  await update(db, new Map(written.map(({ row, columns }) => [row.id, columns])))
  await recordAllChanges(
    db,
    written.map(({ id, columns }) => [id, columns]),
    now,
  )
}
