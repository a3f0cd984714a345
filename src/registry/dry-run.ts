import type { WrittenRow } from '../db/tables/rows.ts'
import { dryRun } from '../db/transactions/unit-of-work.ts'
import type { Change, ColumnValue, RowChange } from './change.ts'
import type { Registry } from './registry.ts'
import { canonicalId } from './rules/identifiers.ts'
import { exactInteger } from './rules/int64.ts'

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
