import type { Queryable } from '../../db/database.ts'
import { recordAllChanges } from '../history/history.ts'
import type { Item } from './batches.ts'

/**
 * Writes changed columns of things, with `now` as their `updated_at`, and records them in
 * the histories. Things without a changed column stay as they are.
 *
 * @param update writes columns of rows, by their integer ids.
 * @param rows as they are before.
 * @param changes the columns that change (`changesOf`).
 * @param now the time, as the tables hold it.
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
