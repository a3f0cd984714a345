import { type Contents, REGISTRY_TABLES, type Row } from './wakame.ts'

/** The changes to the rows of one table. */
export interface TableChanges {
  table: string
  added: Row[]
  removed: Row[]
  changed: { id: number; old: Row; new: Row }[]
}

/** Returns the rows that differ between two states of a database, by table. Leaves out tables without differences. */
export function changesBetween(before: Contents, after: Contents): TableChanges[] {
  return REGISTRY_TABLES.map((table) =>
    changesOfTable(table, before.rows[table] ?? [], after.rows[table] ?? []),
  ).filter(({ added, removed, changed }) => added.length + removed.length + changed.length > 0)
}

function changesOfTable(table: string, before: Row[], after: Row[]): TableChanges {
  const find = (rows: Row[], { id }: Row) => rows.find((row) => row.id === id)
  return {
    table,
    added: after.filter((row) => find(before, row) === undefined),
    removed: before.filter((row) => find(after, row) === undefined),
    changed: after.flatMap((row) => {
      const old = find(before, row)
      const columns = Object.keys(row).filter((column) => old !== undefined && old[column] !== row[column])
      if (old === undefined || columns.length === 0) return []
      return [{ id: Number(row.id), old: pick(old, columns), new: pick(row, columns) }]
    }),
  }
}

function pick(row: Row, columns: string[]): Row {
  return Object.fromEntries(columns.map((column) => [column, row[column] ?? null]))
}

/** Returns all times that were written, in columns or as values in the history. */
export function timesIn(changes: readonly TableChanges[]): string[] {
  return changes.flatMap(({ table, added, changed }) =>
    [...added, ...changed.map((change) => change.new)].flatMap((row) => {
      const columns = Object.keys(row).filter((column) => column.endsWith('_at'))
      if (table === 'histories' && String(row.attr).endsWith('_at')) columns.push('vchar_value')
      return columns.flatMap((column) => (row[column] === null ? [] : [String(row[column])]))
    }),
  )
}

/**
 * Renders changes as text, one line per row: `+` added, `-` removed, `~` changed with the old
 * and new values of changed columns.
 *
 * @param placeholder replaces values that differ between runs.
 */
export function renderChanges(
  changes: readonly TableChanges[],
  placeholder: (value: string | number | null) => string | number | null,
): string {
  const text = (row: Row) =>
    JSON.stringify(Object.fromEntries(Object.entries(row).map(([column, value]) => [column, placeholder(value)])))
  return changes
    .map(({ table, added, removed, changed }) =>
      [
        table,
        ...removed.map((row) => `  - ${text(row)}`),
        ...changed.flatMap((change) => [
          `  ~ id ${change.id}`,
          `      from ${text(change.old)}`,
          `      to   ${text(change.new)}`,
        ]),
        ...added.map((row) => `  + ${text(row)}`),
      ].join('\n'),
    )
    .join('\n')
}
