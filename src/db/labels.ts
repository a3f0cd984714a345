import type { Queryable } from './database.ts'
import type { Lock } from './locks.ts'
import type { LabelRow, NewRow } from './rows.ts'
import { marks, select } from './statement.ts'
import { deleteRows, insertRows, updateRow } from './writes.ts'

/** All labels of some resources, given by their canonical ids. */
export async function selectLabels(
  db: Queryable,
  resourceIds: readonly string[],
  options: { lock?: Lock } = {},
): Promise<LabelRow[]> {
  if (resourceIds.length === 0) return []
  const all = `SELECT * FROM resource_labels WHERE resource_uuid IN ${marks(resourceIds)} ORDER BY name`
  const rows = await select<LabelRow>(db, all, resourceIds, options.lock)
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
