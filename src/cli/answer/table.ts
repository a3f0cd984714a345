import { printable } from '../terminal/escape.ts'
import { textWidth } from '../terminal/text-width.ts'
import { type Column, cellReader, headerOf } from './columns.ts'
import { fitColumns } from './fit-columns.ts'

/** Layout of a table. */
export interface TableOptions {
  header: boolean
  /** Show times as ages at this time; undefined for ISO 8601 UTC. */
  now: Date | undefined
  /** Cells of the terminal; undefined for no limit. */
  width: number | undefined
  /** Formats the header. */
  emphasize: (text: string) => string
}

/** Rows that cli-table3 lays out at once. Its time is quadratic in the number of rows. */
const BLOCK = 200
const GAP = '  '
/**
 * Characters of the longest cell. Every row is padded to the longest cell of its column, and a
 * value can have megabytes. All IDs, names and URIs that MySQL stores are shorter.
 */
const LONGEST_CELL = 512
/** Separates kept cells; no cell contains it. */
const CELL_END = '\t'
/** Separates kept lines; no cell contains it. */
const LINE_END = '\n'

/**
 * A table without borders. Unprintable characters are escaped, and widths are those of a terminal,
 * also for Japanese and emoji. Cells are cut after LONGEST_CELL characters, even in a pipe. Only
 * the text of the cells is kept in memory.
 */
export class Table<T extends object> {
  readonly #columns: readonly Column<T>[]
  readonly #readers: readonly ((row: T) => string | null)[]
  readonly #options: TableOptions
  readonly #widths: number[]
  readonly #texts: string[] = []

  constructor(columns: readonly Column<T>[], options: TableOptions) {
    this.#columns = columns
    this.#readers = columns.map((column) => cellReader(column, options.now))
    this.#options = options
    this.#widths = columns.map(() => 0)
    if (options.header) this.#keep([columns.map(headerOf)])
  }

  /** Adds rows. */
  add(rows: readonly T[]): void {
    this.#keep(rows.map((row) => this.#readers.map((read) => cellOf(read(row) ?? '-'))))
  }

  #keep(lines: readonly string[][]): void {
    if (lines.length === 0) return
    for (const line of lines)
      for (let at = 0; at < line.length; at++) {
        const width = textWidth(line[at] as string)
        if (width > (this.#widths[at] as number)) this.#widths[at] = width
      }
    this.#texts.push(lines.map((line) => line.join(CELL_END)).join(LINE_END))
  }

  /**
   * Lays out the added rows.
   *
   * @returns the lines, each with its newline, in pieces, and the headers of columns that did not fit.
   */
  end(): { pieces: AsyncGenerator<string>; leftOut: string[] } {
    const fittings = this.#columns.map(({ rank = 0, isText = false, isAsked = false }, at) => ({
      width: this.#widths[at] as number,
      rank,
      isText,
      isAsked,
    }))
    const widths = fitColumns(fittings, this.#options.width, GAP.length)
    return { pieces: this.#pieces(widths), leftOut: this.#columns.filter((_, at) => widths[at] === 0).map(headerOf) }
  }

  #cut(column: number, text: string, width: number): string {
    return (this.#columns[column]?.cutsStart ? cutStart : cut)(text, width)
  }

  async *#pieces(widths: readonly number[]): AsyncGenerator<string> {
    const { header, width, emphasize } = this.#options
    const shown = [...widths.keys()].filter((at) => widths[at] !== 0)
    const shownWidths = shown.map((at) => widths[at] as number)
    const layOut = width === undefined ? padded : await atTerminal()
    let isFirst = header
    for (const text of this.#texts) {
      const cells = text.split(LINE_END).map((line) => {
        const all = line.split(CELL_END)
        return shown.map((at) => this.#cut(at, all[at] as string, widths[at] as number))
      })
      const lines = layOut(cells, shownWidths).map((line) => line.trimEnd())
      if (isFirst) lines[0] = emphasize(lines[0] as string)
      isFirst = false
      yield `${lines.join('\n')}\n`
    }
  }
}

/** Cuts the start of a text, so that at most `width` cells are left, including an ellipsis. */
function cutStart(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let end = ''
  for (const { segment } of [...new Intl.Segmenter().segment(text)].reverse()) {
    if (textWidth(segment + end) >= width) break
    end = segment + end
  }
  return `…${end}`
}

/**
 * Lays out a complete list of rows.
 *
 * @returns the lines as one text, without a newline at the end, and the headers of columns that did not fit.
 */
export async function renderTable<T extends object>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  options: TableOptions,
): Promise<{ text: string; leftOut: string[] }> {
  const table = new Table(columns, options)
  table.add(rows)
  const { pieces, leftOut } = table.end()
  let text = ''
  for await (const piece of pieces) text += piece
  return { text: text.slice(0, -1), leftOut }
}

type LayOut = (cells: readonly string[][], widths: readonly number[]) => string[]

/** Pads each cell to the width of its column. */
const padded: LayOut = (cells, widths) =>
  cells.map((line) => line.map((cell, at) => pad(cell, widths[at] as number)).join(GAP))

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(width - textWidth(cell))
}

/** Returns the layout of cli-table3, for terminals. */
async function atTerminal(): Promise<LayOut> {
  const { default: CliTable } = await import('cli-table3')
  const none = Object.fromEntries(BORDERS.map((name) => [name, '']))
  return (cells, colWidths) => {
    const lines: string[] = []
    for (let start = 0; start < cells.length; start += BLOCK) {
      const table = new CliTable({
        colWidths: [...colWidths],
        chars: { ...none, middle: GAP },
        style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
      })
      table.push(...cells.slice(start, start + BLOCK).map((line) => [...line]))
      lines.push(...table.toString().split('\n'))
    }
    return lines
  }
}

/** Escapes the text of a cell, and cuts it after LONGEST_CELL characters. */
function cellOf(text: string): string {
  const shown = printable(text.slice(0, LONGEST_CELL + 1))
  if (shown.length <= LONGEST_CELL) return shown
  // Do not cut a surrogate pair in half.
  return `${shown.slice(0, LONGEST_CELL - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

/** Cuts a text to at most `width` cells, including an ellipsis. */
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
