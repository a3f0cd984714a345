import { renderJson } from '../json.ts'
import { writeOut } from '../output.ts'
import { printable } from '../printable.ts'
import { plainCell } from './cells.ts'
import { cellsOf, pickOrFailure } from './columns.ts'
import type { Format } from './format.ts'

/** Writes rows batch by batch. */
export interface RowWriter {
  /** @returns false when nobody reads any more. */
  write(rows: readonly object[]): Promise<boolean>
  /** To be called after the last row. */
  end(): Promise<void>
}

interface RowOptions {
  names: readonly string[] | undefined
  keys: () => Promise<readonly string[]>
  header: boolean
  storedId: string | undefined
}

/** A writer of IDs only, one per line. */
export function idWriter(): RowWriter {
  const line = (row: { id?: unknown }) => `${printable(String(row.id))}\n`
  return { write: (rows) => writeOut(rows.map(line).join('')), end: async () => {} }
}

/**
 * A writer of rows in a format of lines.
 *
 * @param options.names keys of the rows; undefined for all that there are.
 * @param options.keys tells those, where there is a schema of the rows; without one the first row does.
 * @param options.storedId of what is stored, where that is what the rows tell.
 */
export function rowWriter(format: Format, options: RowOptions): RowWriter {
  if (format === 'ndjson') {
    const { names, storedId } = options
    const line = (row: object) => `${renderJson(pickOrFailure(row, names), 'line')}\n`
    return { write: (rows) => writeOut(rows.map(line).join(''), storedId), end: async () => {} }
  }
  return cellWriter(format === 'csv' ? csvLines : valueLines, options, format === 'csv')
}

/** A writer of cells, under a header where the format has one. */
function cellWriter(
  lines: (rows: unknown[][]) => string,
  { names: given, keys, header, storedId }: RowOptions,
  hasHeader: boolean,
): RowWriter {
  let names = given
  let isBegun = !hasHeader || !header
  const begin = async () => {
    if (!isBegun && names !== undefined && !(await writeOut(lines([[...names]])))) return false
    isBegun = true
    return true
  }
  return {
    write: async (rows) => {
      if (names === undefined) {
        const known = await keys()
        names = known.length > 0 ? known : Object.keys(rows[0] ?? {})
      }
      const shown = names
      return (await begin()) && writeOut(lines(rows.map((row) => cellsOf(row, shown))), storedId)
    },
    end: async () => {
      if (!isBegun) names ??= await keys()
      await begin()
    },
  }
}

/** Matches a text that a spreadsheet would run as a formula (OWASP, "CSV Injection"), also in full-width forms. */
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/
/** Matches a text that needs quotes. Some spreadsheets take `;` and tabs for the end of a cell. */
const NEEDS_QUOTES = /[",;\t\r\n]/

/**
 * RFC 4180, but for the line end; on a terminal without what could upset it. A
 * text that a spreadsheet would run as a formula has a ' before it; numbers have
 * none, as -1 is one for a spreadsheet too.
 */
function csvLines(rows: unknown[][]): string {
  const isTerminal = process.stdout.isTTY
  const field = (cell: unknown) => {
    if (typeof cell === 'number' || typeof cell === 'bigint') return String(cell)
    const text = isTerminal ? printable(plainCell(cell)) : plainCell(cell)
    const safe = FORMULA.test(text) ? `'${text}` : text
    return NEEDS_QUOTES.test(text) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return rows.map((cells) => `${cells.map(field).join(',')}\n`).join('')
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' }

/** As mysql --batch has it: cells apart by tabs, and what would break a line or a cell escaped. */
function valueLines(rows: unknown[][]): string {
  const isTerminal = process.stdout.isTTY
  const field = (cell: unknown) => {
    const text = plainCell(cell).replace(/[\\\n\r\t\0]/g, (character) => ESCAPES[character] ?? character)
    return isTerminal ? printable(text) : text
  }
  return rows.map((cells) => `${cells.map(field).join('\t')}\n`).join('')
}
