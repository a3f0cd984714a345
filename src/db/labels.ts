import type { Queryable } from './database.ts'
import { type Lock, locked } from './locks.ts'
import type { LabelRow, NewRow } from './rows.ts'
import { deleteRows, insertRows, updateRow } from './writes.ts'

/** All labels of some resources, given by their canonical ids. */
export async function selectLabels(
  db: Queryable,
  resourceIds: readonly string[],
  options: { lock?: Lock } = {},
): Promise<LabelRow[]> {
  const query = db<LabelRow>('resource_labels').whereIn('resource_uuid', resourceIds).orderBy('name')
  const rows: LabelRow[] = await locked(query, options.lock)
  return rows.filter((row) => resourceIds.includes(row.resource_uuid))
}

/** The name that the database takes for the same as this one, as its collation does; undefined where the name is free. */
export async function findLabelNamed(db: Queryable, resourceId: string, name: string): Promise<string | undefined> {
  const row = await db<LabelRow>('resource_labels').where({ resource_uuid: resourceId, name }).first('name')
  return row?.name
}

export async function insertLabels(db: Queryable, rows: readonly NewRow<LabelRow>[]): Promise<void> {
  await insertRows(db, 'resource_labels', rows)
}

export async function updateLabel(db: Queryable, id: number, changes: Partial<LabelRow>): Promise<void> {
  await updateRow(db, 'resource_labels', id, changes)
}

export async function deleteLabel(db: Queryable, id: number): Promise<void> {
  await deleteRows(db, 'resource_labels', [id])
}
