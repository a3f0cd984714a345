import { valueReader } from './cells.ts'

/** A column of a list. */
export interface Column<T> {
  /** JSON key. */
  name: keyof T & string
  /** Default: the name in capitals, with spaces for `_`. */
  header?: string
  /** Formats the cell of a table; null is shown as `-`. Default: the value, with units for sizes. */
  cell?: (row: T) => string | null
  /** JSON keys that `cell` needs in addition to `name`. */
  needs?: readonly (keyof T & string)[]
  /** Columns with a higher rank are left out first on a narrow terminal; 0 is always shown. Default: 0. */
  rank?: number
  /** True if the cell may be cut on a narrow terminal. */
  isText?: boolean
  /** True if it is cut at its start, as paths are, whose ends tell them apart. */
  cutsStart?: boolean
  /** True for a column that is only shown if it is asked for. Its cell is also that of csv and value. */
  isOnRequest?: boolean
  /** True if the cell also shows another key, which a column that was asked for does not. */
  isMarked?: boolean
  /** True if the column was asked for: it is never left out, and if nothing else helps, its cells are cut. */
  isAsked?: boolean
}

/** Returns the value at a key of a row. A name with dots leads into nested objects. */
function valueAt(row: object, name: string): unknown {
  if (Object.hasOwn(row, name)) return (row as Record<string, unknown>)[name]
  const dot = name.indexOf('.')
  if (dot === -1) return undefined
  const nested = (row as Record<string, unknown>)[name.slice(0, dot)]
  return typeof nested === 'object' && nested !== null ? valueAt(nested, name.slice(dot + 1)) : undefined
}

/** Returns the first part of a dotted name, the top-level key of a row. */
export function keyOf(name: string): string {
  const dot = name.indexOf('.')
  return dot === -1 ? name : name.slice(0, dot)
}

/** Keys whose values have a form of their own, which a reader needs in full: IDs, sizes, times and whether. */
const SHORT = /^(?:id|.*_id|.*_at|.*size|bytes|is_.*|progress|users)$/

/**
 * Returns the columns with these names, in this order, as columns that were asked for. Names that are not among
 * `columns` become plain columns.
 */
export function columnsNamed<T extends object>(columns: readonly Column<T>[], names: readonly string[]): Column<T>[] {
  return names.map((name) => {
    const known = columns.find((column) => column.name === name)
    const column =
      known === undefined || known.isMarked
        ? ({ name, header: name.toUpperCase(), isText: !SHORT.test(name) } as Column<T>)
        : known
    return { ...column, rank: 0, isAsked: name !== 'id' }
  })
}

/** Returns the header of a column. */
export function headerOf<T>({ name, header }: Column<T>): string {
  return header ?? name.toUpperCase().replaceAll('_', ' ')
}

/**
 * Returns a function that formats a row's cell for people. It returns null for an empty cell.
 *
 * @param now show times as ages at this time; undefined for ISO 8601 UTC.
 */
export function cellReader<T extends object>({ name, cell }: Column<T>, now?: Date): (row: T) => string | null {
  if (cell !== undefined) return cell
  const read = fieldReader(name)
  const format = valueReader(name, now)
  return (row) => format(read(row))
}

/** Returns a function that reads the value at a key of a row; a key may have dots (`valueAt`). */
export function fieldReader(name: string): (row: object) => unknown {
  // Lists can have 100,000 rows, and Object.hasOwn takes longer than reading the key.
  if (name.includes('.') || name in Object.prototype) return (row) => valueAt(row, name)
  return (row) => (row as Record<string, unknown>)[name]
}

/**
 * Returns a row with only the given keys, in this order.
 *
 * @param names undefined for all keys. A failure also keeps all keys: its keys differ from those of
 *   rows, and its error would be lost.
 */
export function pickOrFailure(row: object, names: readonly string[] | undefined): object {
  if (names === undefined || isFailure(row)) return row
  return Object.fromEntries(names.map((name) => [name, valueAt(row, name) ?? null]))
}

/** Returns true if a row is the error of an item. The report of a file can have an `error` too, beside other keys. */
function isFailure(row: object): boolean {
  return 'error' in row && Object.keys(row).every((key) => ['id', 'conflicts', 'error'].includes(key))
}
