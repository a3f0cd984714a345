import type { WrittenRow } from '../db/rows.ts'
import { dryRun } from '../db/unit-of-work.ts'
import { canonicalId } from './identifiers.ts'
import { exactInteger } from './int64.ts'
import type { Registry } from './registry.ts'

/** A value of a column in the form in which the table holds it: times and YAML are text. */
type ColumnValue = string | number | bigint | null

/** What would become of a row. */
export interface RowChange {
  action: 'insert' | 'update' | 'delete'
  table: string
  /** The canonical id of the thing that the row is of, or says something about. */
  id: string
  /**
   * All columns as they would be, or of a row to be deleted are. A new row's own
   * integer id is left out, as it isn't known.
   */
  row: Record<string, ColumnValue>
  /** Of an update the columns that would change, as they are; else null. */
  old: Record<string, ColumnValue> | null
}

/** A file that would be made. */
export interface FileChange {
  action: 'create'
  path: string
  /** QEMU's name. */
  file_format: string
}

/** A file that would be removed. */
interface FileRemoval {
  action: 'remove'
  path: string
}

/** A step of the schema that would be made. */
interface MigrationChange {
  action: 'migrate'
  id: string
}

/** One thing that would be done. */
export type Change = RowChange | FileChange | FileRemoval | MigrationChange

/**
 * The same registry, on which nothing is written: all is checked and done as
 * ever, and at its end undone. Ids that are made, and the integer ids of rows,
 * are others each time.
 *
 * @param onChange told what would be written, in its order, after each unit of work that didn't fail.
 */
export function withDryRun(registry: Registry, onChange: (change: Change) => void): Registry {
  const database = dryRun(registry.database, (written) => {
    for (const row of written) onChange(presentRow(row))
  })
  return { ...registry, database, onChange, noteImageFolder: async () => {} }
}

function presentRow(written: WrittenRow): RowChange {
  const { action, table, old } = written
  const { id, ...columns } = exactSizes(written.row)
  return {
    action,
    table,
    id: idOf(written),
    row: action === 'insert' ? columns : { id: id as ColumnValue, ...columns },
    old: old && exactSizes(old),
  }
}

function idOf({ table, row }: WrittenRow): string {
  switch (table) {
    case 'accounts':
      return canonicalId('account', row.uuid)
    case 'images':
      return canonicalId('image', row.uuid)
    case 'backup_objects':
      return canonicalId('backupObject', row.uuid)
    case 'backup_storages':
      return canonicalId('backupStorage', row.uuid)
    case 'resource_labels':
      return row.resource_uuid
    default:
      return row.uuid
  }
}

/** The columns of a row, its bigints as exact numbers. */
function exactSizes(row: object): Record<string, ColumnValue> {
  const columns = { ...row } as Record<string, ColumnValue>
  for (const name of ['size', 'allocation_size']) {
    const value = columns[name]
    if (typeof value === 'string') columns[name] = exactInteger(value)
  }
  return columns
}
