import type * as z from 'zod/mini'
import type { Change } from '../../../registry/change.ts'
import type { change } from '../../../registry/results/change.ts'
import { printable } from '../../terminal/escape.ts'
import type { Column } from '../columns.ts'

type Told = z.output<typeof change>

/** Columns of a row that a person looks for last: what changes with every write, and what nobody chose. */
const LEAST = /^id$|_at$/

/** What a dry run shows in a table. */
export const CHANGE_COLUMNS: Column<Told>[] = [
  { name: 'action' },
  { name: 'table', header: 'WHAT', cell: whatOf },
  { name: 'id', cell: ({ id, path }) => id ?? path, isText: true },
  { name: 'row', header: 'VALUES', cell: (told) => valuesOf(told).join(', ') || null, isText: true },
]

/** A change with all keys that a change may have. */
export function toldChange(change: Change): Told {
  const unset = { table: null, id: null, row: null, old: null, path: null, file_format: null }
  const { action, ...rest } = change
  return { action, ...unset, ...rest }
}

/**
 * A change as a person reads it at a terminal, which wraps what is long: a line that
 * says what would be done, and below it a line a value.
 *
 * @param emphasize makes the first line stand out.
 * @returns lines with their ends.
 */
export function changeText(told: Told, emphasize: (text: string) => string): string {
  const title = printable([told.action, whatOf(told), told.id ?? told.path].join(' '))
  return [emphasize(title), ...valuesOf(told).map((value) => `  ${printable(value)}`)]
    .map((line) => `${line}\n`)
    .join('')
}

function whatOf({ table, path }: Told): string {
  return table ?? (path === null ? 'migration' : 'file')
}

/** The columns of a new row that hold something; of a changed one what they were and become. */
function valuesOf({ row, old, file_format: format }: Told): string[] {
  if (row === null) return format === null ? [] : [format]
  if (old !== null) {
    return inOrder(old).map(([name, value]) => `${name}: ${value ?? '-'} -> ${row[name] ?? '-'}`)
  }
  const filled = inOrder(row).filter(([, value]) => value !== null && value !== '')
  return filled.map(([name, value]) => `${name}: ${value}`)
}

function inOrder<T>(columns: Record<string, T>): [string, T][] {
  const rank = ([name]: [string, T]) => Number(LEAST.test(name))
  return Object.entries(columns).sort((a, b) => rank(a) - rank(b))
}
