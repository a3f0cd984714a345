import type { Queryable } from '../../db/database.ts'
import { changeOf, type Happened } from '../happened.ts'
import { recordAllChanges } from '../history/history.ts'
import type { Item } from './batches.ts'

/**
 * Writes the changed columns of items, with `now` as `updated_at`, and records them in the
 * history. Skips items without changed columns. Notes on each item what happened to it.
 *
 * @param update writes columns of rows, by integer ID.
 * @param rows the rows before the change.
 * @param changes the columns to change (`changesOf`).
 * @param now the current time as stored in the tables.
 */
export async function writeChanges<I extends Item, R extends { id: number; updated_at: string; display_name: string }>(
  db: Queryable,
  update: (db: Queryable, changes: ReadonlyMap<number, Partial<R>>) => Promise<void>,
  rows: ReadonlyMap<I, R>,
  changes: ReadonlyMap<I, Partial<R>>,
  now: string,
  kind: Happened['kind'],
): Promise<void> {
  for (const [item, columns] of changes) {
    const row = rows.get(item) as R
    item.happened = await changeOf(db, { kind, id: item.id, name: row.display_name }, row, columns)
  }
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
