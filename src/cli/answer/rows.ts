import { printable } from '../terminal/escape.ts'
import { writeOut } from '../terminal/output.ts'
import { plainCell } from './cells.ts'
import { fieldReader, pickOrFailure } from './columns.ts'
import type { Format } from './format.ts'
import { renderJson } from './json.ts'

/** Writes rows batch by batch. */
export interface RowWriter {
  /** @returns false if the reader has closed the pipe. */
  write(rows: readonly object[]): Promise<boolean>
  /** Must be called after the last row. */
  end(): Promise<void>
}

/** Formats a value of a row as text. */
export type TextOf = (row: object) => string | null

interface RowOptions {
  names: readonly string[] | undefined
  keys: () => Promise<readonly string[]>
  header: boolean
  storedId: () => string | undefined
  /** How csv and value print the values of some keys. */
  texts: ReadonlyMap<string, TextOf>
}

/** Returns a writer of IDs only, one per line. */
export function idWriter(): RowWriter {
  const line = (row: { id?: unknown }) => `${printable(String(row.id))}\n`
  return { write: (rows) => writeOut(rows.map(line).join('')), end: async () => {} }
}

/**
 * Returns a writer of ndjson, csv or value.
 *
 * @param options.names keys to print; undefined for all.
 * @param options.keys returns all keys according to the schema; if empty, the keys of the first row are used.
 * @param options.storedId returns the ID of a stored item that the next rows report.
 */
export function rowWriter(format: Format, options: RowOptions): RowWriter {
  if (format === 'ndjson') {
    const { names, storedId } = options
    const line = (row: object) => `${renderJson(pickOrFailure(row, names), 'line')}\n`
    return { write: (rows) => writeOut(rows.map(line).join(''), storedId()), end: async () => {} }
  }
  return format === 'csv'
    ? cellWriter(csvCell(), ',', options)
    : cellWriter(valueCell(), '\t', { ...options, header: false })
}

/**
 * Returns a writer of cells, with a header if asked for.
 *
 * @param format formats a cell.
 */
function cellWriter(
  format: (cell: unknown) => string,
  separator: string,
  { names: given, keys, header, storedId, texts }: RowOptions,
): RowWriter {
  let names = given
  let readers: ((row: object) => unknown)[] | undefined
  let isBegun = !header
  const begin = async () => {
    if (!isBegun && names !== undefined && !(await writeOut(`${names.map(format).join(separator)}\n`))) return false
    isBegun = true
    return true
  }
  return {
    write: async (rows) => {
      if (names === undefined) {
        const known = await keys()
        names = known.length > 0 ? known : Object.keys(rows[0] ?? {})
      }
      readers ??= names.map((name) => texts.get(name) ?? fieldReader(name))
      const cells = readers
      const line = (row: object) => `${cells.map((read) => format(read(row))).join(separator)}\n`
      return (await begin()) && writeOut(rows.map(line).join(''), storedId())
    },
    end: async () => {
      if (!isBegun) names ??= await keys()
      await begin()
    },
  }
}

/** Matches a text that a spreadsheet would run as a formula (OWASP, "CSV Injection"), also in full-width forms. */
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/
/** Matches a text that needs quotes. In some spreadsheets, `;` and tabs separate cells. */
const NEEDS_QUOTES = /[",;\t\r\n]/
/** Matches a text that is neither, and is printable: one test instead of three for most cells. */
const PLAIN = /^(?:[\w /.:][\w /.:+=@-]*)?$/

/**
 * Returns a function that formats cells as in RFC 4180. On a terminal, unprintable characters are
 * escaped. A text that a spreadsheet would run as a formula gets a leading '; numbers such as -1
 * do not.
 */
function csvCell(): (cell: unknown) => string {
  const isTerminal = process.stdout.isTTY
  return (cell) => {
    if (typeof cell === 'number' || typeof cell === 'bigint') return String(cell)
    const plain = plainCell(cell)
    if (PLAIN.test(plain)) return plain
    const text = isTerminal ? printable(plain) : plain
    const safe = FORMULA.test(text) ? `'${text}` : text
    return NEEDS_QUOTES.test(text) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' }

/** Returns a function that formats cells as `mysql --batch` does: newlines, tabs, NUL and backslashes are escaped. */
function valueCell(): (cell: unknown) => string {
  const isTerminal = process.stdout.isTTY
  return (cell) => {
    const text = plainCell(cell).replace(/[\\\n\r\t\0]/g, (character) => ESCAPES[character] ?? character)
    return isTerminal ? printable(text) : text
  }
}
