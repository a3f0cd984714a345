import { printable } from '../printable.ts'
import { textWidth } from '../text-width.ts'
import { type Column, headerOf, readable } from './columns.ts'
import { fitColumns } from './fit.ts'

/** How a table is laid out. */
export interface TableOptions {
  header: boolean
  /** What times are relative to; undefined for ISO 8601 UTC. */
  now: Date | undefined
  /** Cells of the terminal; undefined where nothing is left out or cut. */
  width: number | undefined
  /** Makes the header stand out. */
  emphasize: (text: string) => string
}

/** Rows that cli-table3 lays out at once: its time grows with their square. */
const BLOCK = 200
const GAP = '  '
/**
 * Characters of a cell: every row is padded to the longest cell of its column, and
 * a row may hold megabytes. All ids, names and URIs that MySQL stores are shorter.
 */
const LONGEST_CELL = 512

/**
 * Lays rows out as a table without borders; what strangers wrote is escaped, and
 * Japanese and emoji count as wide as a terminal shows them. Cells are cut after
 * LONGEST_CELL characters, also where the table is not for a terminal.
 *
 * @returns its lines, and the headers of columns for which there was no room.
 */
export async function renderTable<T extends object>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  { header, now, width, emphasize }: TableOptions,
): Promise<{ text: string; leftOut: string[] }> {
  const { default: Table } = await import('cli-table3')
  const lines = [
    ...(header ? [columns.map(headerOf)] : []),
    ...rows.map((row) => columns.map((column) => cellOf(readable(column, row, now) ?? '-'))),
  ]
  const fittings = columns.map(({ rank = 0, isText = false }, at) => ({
    width: lines.reduce((widest, line) => Math.max(widest, textWidth(line[at] ?? '')), 0),
    rank,
    isText,
  }))
  const widths = fitColumns(fittings, width, GAP.length)
  const shown = [...columns.keys()].filter((at) => widths[at] !== 0)
  const fitted = lines.map((line) => shown.map((at) => cut(line[at] ?? '', widths[at] ?? 0)))
  const none = Object.fromEntries(BORDERS.map((name) => [name, '']))
  const blocks: string[] = []
  for (let start = 0; start < fitted.length; start += BLOCK) {
    const table = new Table({
      colWidths: shown.map((at) => widths[at] ?? 0),
      chars: { ...none, middle: GAP },
      style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    })
    table.push(...fitted.slice(start, start + BLOCK))
    blocks.push(table.toString())
  }
  const [first = '', ...rest] = blocks
    .join('\n')
    .split('\n')
    .map((line) => line.trimEnd())
  return {
    text: [header ? emphasize(first) : first, ...rest].join('\n'),
    leftOut: columns.filter((_, at) => widths[at] === 0).map(headerOf),
  }
}

/** A text as it stands in a cell. */
function cellOf(text: string): string {
  const shown = printable(text.slice(0, LONGEST_CELL + 1))
  if (shown.length <= LONGEST_CELL) return shown
  // Not within a character of two units.
  return `${shown.slice(0, LONGEST_CELL - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

/** The beginning of a text that takes at most `width` cells, with a sign that it goes on. */
function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let start = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (textWidth(start + segment) >= width) break
    start += segment
  }
  return `${start}…`
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
