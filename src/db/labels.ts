import type { Queryable } from './database.ts'
import type { LabelRow, NewRow } from './rows.ts'

/** All labels of some resources, given by their canonical ids. */
export async function selectLabels(db: Queryable, resourceIds: readonly string[]): Promise<LabelRow[]> {
  const rows: LabelRow[] = await db<LabelRow>('resource_labels').whereIn('resource_uuid', resourceIds).orderBy('name')
  return rows.filter((row) => resourceIds.includes(row.resource_uuid))
}

export async function insertLabels(db: Queryable, rows: readonly NewRow<LabelRow>[]): Promise<void> {
  await db('resource_labels').insert(rows)
}
