import prettyBytes from 'pretty-bytes'
import stringWidth from 'string-width'
import { printable } from './printable.ts'

/** A column of a table: its header and the text of its cell; null is shown as `-`. */
export interface Column<T> {
  header: string
  cell: (row: T) => string | null
}

/** Rows that cli-table3 lays out at once: its time grows with their square. */
const BLOCK = 200

/** Lays rows out as a plain table, without borders and colours; what strangers wrote is escaped. */
export async function renderTable<T>(columns: readonly Column<T>[], rows: readonly T[]): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const lines = [
    columns.map(({ header }) => header),
    ...rows.map((row) => columns.map(({ cell }) => printable(cell(row) ?? '-'))),
  ]
  const widths = columns.map((_, column) =>
    lines.reduce((widest, line) => Math.max(widest, stringWidth(line[column] ?? '')), 0),
  )
  const none = Object.fromEntries(BORDERS.map((name) => [name, '']))
  const blocks: string[] = []
  for (let start = 0; start < lines.length; start += BLOCK) {
    const table = new Table({
      colWidths: widths,
      chars: { ...none, middle: '  ' },
      style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    })
    table.push(...lines.slice(start, start + BLOCK))
    blocks.push(table.toString())
  }
  return blocks
    .join('\n')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

const BORDERS = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right',
  'left',
  'left-mid',
  'mid',
  'mid-mid',
  'right',
  'right-mid',
]

/** A size for people, in units of 1024; null stays null. */
export function humanSize(bytes: number | bigint | null): string | null {
  return bytes === null ? null : prettyBytes(bytes, { binary: true })
}

/** Lays a value out in lines `name: value`, the names of nested ones joined by dots, in the order of its keys. */
export function renderFields(value: object): string {
  const fields = flatten(value, '')
  const width = Math.max(...fields.map(([name]) => name.length)) + 1
  return fields.map(([name, text]) => `${`${name}:`.padEnd(width)} ${text}`.trimEnd()).join('\n')
}

function flatten(value: object, prefix: string): [string, string][] {
  return Object.entries(value).flatMap(([key, field]): [string, string][] => {
    const name = prefix + printable(key)
    if (field === null || field === undefined) return [[name, '-']]
    if (typeof field === 'object') return Object.keys(field).length === 0 ? [[name, '-']] : flatten(field, `${name}.`)
    return [[name, printable(String(field))]]
  })
}
