import type { Queryable } from '../db/database.ts'
import type { Item } from './batches.ts'
import { recordAllChanges } from './history.ts'

/**
 * Writes what changes of things, with the time of it as their `updated_at`, and records it.
 *
 * @param update writes columns of rows, by their integer ids.
 * @param rows as they are.
 * @param changes columns that change, of things of which some do (`changesOf`).
 */
export async function writeChanges<I extends Item, R extends { id: number; updated_at: string }>(
  db: Queryable,
  update: (db: Queryable, changes: ReadonlyMap<number, Partial<R>>) => Promise<void>,
  rows: ReadonlyMap<I, R>,
  changes: ReadonlyMap<I, Partial<R>>,
  now: string,
): Promise<void> {
  const written = Array.from(changes, ([item, columns]) => ({
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
