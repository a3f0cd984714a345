import type { Queryable } from './database.ts'
import type { HistoryRow, NewRow } from './rows.ts'

export async function insertHistories(db: Queryable, rows: readonly NewRow<HistoryRow>[]): Promise<void> {
  await db('histories').insert(rows)
}
