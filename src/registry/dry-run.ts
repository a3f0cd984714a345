import type { WrittenRow } from '../db/tables/rows.ts'
import { dryRun } from '../db/transactions/unit-of-work.ts'
import type { Change, ColumnValue, RowChange } from './change.ts'
import { idOfKey } from './history/label-key.ts'
import type { Registry } from './registry.ts'
import { canonicalId } from './rules/identifiers.ts'
import { exactInteger } from './rules/int64.ts'

/**
 * Returns a registry that writes nothing: each unit of work runs as usual and is
 * rolled back at its end. Generated IDs and the integer IDs of rows differ on every run.
 *
 * @param onChange called for each change in order, after every unit of work that succeeded.
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
    case 'histories':
      return idOfKey(row.uuid)
    default:
      return row.uuid
  }
}

/** Returns the columns of a row, with 64-bit sizes as exact numbers. */
function exactSizes(row: object): Record<string, ColumnValue> {
  const columns = { ...row } as Record<string, ColumnValue>
  for (const name of ['size', 'allocation_size']) {
    const value = columns[name]
    if (typeof value === 'string') columns[name] = exactInteger(value)
  }
  return columns
}
