import type { Queryable } from '../database.ts'
import { marks, select } from '../statement.ts'
import type { Lock } from '../transactions/locks.ts'
import type { LabelRow, NewRow } from './rows.ts'
import { deleteRows, insertRows, updateRows } from './writes.ts'

/** Returns all labels of resources, given by canonical ID, in the same order of their names on every database. */
export async function selectLabels(
  db: Queryable,
  resourceIds: readonly string[],
  options: { lock?: Lock } = {},
): Promise<LabelRow[]> {
  if (resourceIds.length === 0) return []
  const all = `SELECT * FROM resource_labels WHERE resource_uuid IN ${marks(resourceIds)}`
  const rows = await select<LabelRow>(db, all, resourceIds, options.lock)
  const wanted = new Set(resourceIds)
  // A collation takes some names for equal, and returns them in any order.
  return rows
    .filter((row) => wanted.has(row.resource_uuid))
    .sort((a, b) => Number(a.name > b.name) - Number(a.name < b.name))
}

/** Returns the name of a resource's label that is equal to `name` in the database's collation; undefined if there is none. */
export async function findLabelNamed(db: Queryable, resourceId: string, name: string): Promise<string | undefined> {
  const [label] = await selectLabelsNamed(db, [resourceId], name)
  return label?.name
}

/** Returns the labels of resources, given by canonical ID, whose name is equal to `name` in the database's collation. */
export async function selectLabelsNamed(
  db: Queryable,
  resourceIds: readonly string[],
  name: string,
): Promise<Pick<LabelRow, 'resource_uuid' | 'name'>[]> {
  if (resourceIds.length === 0) return []
  const named = `SELECT resource_uuid, name FROM resource_labels WHERE resource_uuid IN ${marks(resourceIds)} AND name = ?`
  return select(db, named, [...resourceIds, name])
}

/** Inserts labels. */
export async function insertLabels(db: Queryable, rows: readonly NewRow<LabelRow>[]): Promise<void> {
  await insertRows(db, 'resource_labels', rows)
}

/** Makes the same changes to labels, given by integer ID. */
export async function updateLabels(db: Queryable, ids: readonly number[], changes: Partial<LabelRow>): Promise<void> {
  await updateRows(db, 'resource_labels', new Map(ids.map((id) => [id, changes])))
}

/** Deletes labels, given by integer ID. */
export async function deleteLabels(db: Queryable, ids: readonly number[]): Promise<void> {
  await deleteRows(db, 'resource_labels', ids)
}
