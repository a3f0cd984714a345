import type * as z from 'zod/mini'
import type { Change } from '../../../registry/change.ts'
import type { change } from '../../../registry/results/change.ts'
import type { Column } from '../columns.ts'

type FullChange = z.output<typeof change>

/** Columns of a row that interest a reader least: numeric IDs and times. */
const SHOWN_LAST = /^id$|_at$/

/** The columns of a dry run. */
export const CHANGE_COLUMNS: Column<FullChange>[] = [
  { name: 'action' },
  { name: 'table', header: 'WHAT', cell: whatOf },
  { name: 'id', cell: ({ id, path }) => id ?? path, isText: true },
  { name: 'row', header: 'VALUES', cell: (change) => valuesOf(change).join(', ') || null, isText: true },
]

/** Returns a change with all keys that changes can have. */
export function fullChange(change: Change): FullChange {
  const unset = { table: null, id: null, row: null, old: null, path: null, file_format: null, check: null, what: null }
  const { action, ...rest } = change
  const full = { action, ...unset, ...rest }
  if ('bytes' in full) delete full.bytes
  return full
}

/** Returns the table of a change, the check that asks for it, or `migration` or `file`. */
function whatOf({ table, path, check }: FullChange): string {
  if (table !== null) return table
  if (check !== null) return check
  return path === null ? 'migration' : 'file'
}

/** Returns the columns of a new row that are not empty, or the old and new values of a changed row. */
function valuesOf({ row, old, file_format: format, what }: FullChange): string[] {
  if (row === null) return [format, what].filter((value) => value !== null)
  if (old !== null) {
    return inOrder(old).map(([name, value]) => `${name}: ${value ?? '-'} -> ${row[name] ?? '-'}`)
  }
  const filled = inOrder(row).filter(([, value]) => value !== null && value !== '')
  return filled.map(([name, value]) => `${name}: ${value}`)
}

function inOrder<T>(columns: Record<string, T>): [string, T][] {
  const rank = ([name]: [string, T]) => Number(SHOWN_LAST.test(name))
  return Object.entries(columns).sort((a, b) => rank(a) - rank(b))
}
