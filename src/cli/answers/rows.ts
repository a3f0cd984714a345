import { renderJson } from '../json.ts'
import { writeOut } from '../output.ts'
import { printable } from '../printable.ts'
import { plainCell } from './cells.ts'
import { cellsOf, pickOrFailure } from './columns.ts'
import type { Format } from './format.ts'

/** Writes rows one by one, as they come. */
export interface RowWriter {
  /** @returns false when nobody reads any more. */
  write(row: object): Promise<boolean>
  /** To be called after the last row. */
  end(): Promise<void>
}

interface RowOptions {
  names: readonly string[] | undefined
  keys: () => Promise<readonly string[]>
  header: boolean
  storedId: string | undefined
}

/**
 * A writer of rows in a format of lines.
 *
 * @param options.names keys of the rows; undefined for all that there are.
 * @param options.keys tells those, where there is a schema of the rows; without one the first row does.
 * @param options.storedId of what is stored, where that is what the rows tell.
 */
export async function rowWriter(format: Format, options: RowOptions): Promise<RowWriter> {
  if (format === 'ndjson') {
    const { names, storedId } = options
    return {
      write: (row) => writeOut(`${renderJson(pickOrFailure(row, names), 'line')}\n`, storedId),
      end: async () => {},
    }
  }
  return cellWriter(format === 'csv' ? await csvLine() : valueLine, options, format === 'csv')
}

/** A writer of cells, under a header where the format has one. */
function cellWriter(
  line: (cells: unknown[]) => string,
  { names: given, keys, header, storedId }: RowOptions,
  hasHeader: boolean,
): RowWriter {
  let names = given
  let isBegun = !hasHeader || !header
  const begin = async () => {
    if (!isBegun && names !== undefined && !(await writeOut(line([...names])))) return false
    isBegun = true
    return true
  }
  return {
    write: async (row) => {
      if (names === undefined) {
        const known = await keys()
        names = known.length > 0 ? known : Object.keys(row)
      }
      return (await begin()) && writeOut(line(cellsOf(row, names)), storedId)
    },
    end: async () => {
      if (!isBegun) names ??= await keys()
      await begin()
    },
  }
}

/**
 * RFC 4180, but for the line end; on a terminal without what could upset it. A
 * text that a spreadsheet would run as a formula has a ' before it (OWASP, "CSV
 * Injection"); numbers have none, as -1 is one for a spreadsheet too. Quotes keep
 * in its cell what some spreadsheets take for the end of one.
 */
async function csvLine(): Promise<(cells: unknown[]) => string> {
  const { stringify } = await import('csv-stringify/sync')
  const isTerminal = process.stdout.isTTY
  return (cells) => {
    const fields = cells.map((cell) => {
      if (typeof cell === 'number' || typeof cell === 'bigint') return cell
      return isTerminal ? printable(plainCell(cell)) : plainCell(cell)
    })
    return stringify([fields], { escape_formulas: true, quoted_match: /[;\t]/ })
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' }

/** As mysql --batch has it: cells apart by tabs, and what would break a line or a cell escaped. */
function valueLine(cells: unknown[]): string {
  const escaped = cells
    .map(plainCell)
    .map((cell) => cell.replace(/[\\\n\r\t\0]/g, (character) => ESCAPES[character] ?? character))
  return `${(process.stdout.isTTY ? escaped.map(printable) : escaped).join('\t')}\n`
}
