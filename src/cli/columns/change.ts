import type * as z from 'zod/mini'
import type { Change } from '../../registry/dry-run.ts'
import type { change } from '../../registry/results/change.ts'
import type { Column } from '../answers/columns.ts'

type Told = z.output<typeof change>

/** What a dry run shows. */
export const CHANGE_COLUMNS: Column<Told>[] = [
  { name: 'action' },
  { name: 'table', header: 'WHAT', cell: ({ table, path }) => table ?? (path === null ? 'migration' : 'file') },
  { name: 'id', cell: ({ id, path }) => id ?? path, isText: true },
  { name: 'row', header: 'VALUES', cell: valuesOf, isText: true },
]

/** A change with all keys that a change may have. */
export function toldChange(change: Change): Told {
  const unset = { table: null, id: null, row: null, old: null, path: null, file_format: null }
  const { action, ...rest } = change
  return { action, ...unset, ...rest }
}

/** The columns of a new row that hold something; of a changed one what they were and become. */
function valuesOf({ row, old, file_format: format }: Told): string | null {
  if (old !== null) {
    return Object.entries(old)
      .map(([name, value]) => `${name}: ${value ?? '-'} -> ${row?.[name] ?? '-'}`)
      .join(', ')
  }
  const filled = Object.entries(row ?? {}).filter(([, value]) => value !== null && value !== '')
  return row === null ? format : filled.map(([name, value]) => `${name}: ${value}`).join(', ')
}
