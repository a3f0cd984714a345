import { valueReader } from './cells.ts'

/** A column of a list. */
export interface Column<T> {
  /** Key of the JSON. */
  name: keyof T & string
  /** Default: the name, in capitals. */
  header?: string
  /** What a person reads in the cell; null is shown as `-`. Default: the value, sizes and times as people read them. */
  cell?: (row: T) => string | null
  /** Keys of the JSON that `cell` needs in addition to `name`. */
  needs?: readonly (keyof T & string)[]
  /** When it goes where a terminal is narrow: the highest first, 0 never. Default: 0. */
  rank?: number
  /** It may be cut where a terminal is narrow: a text for people, of whatever length, and no id or path. */
  isText?: boolean
}

/** What is at a key of a row; a name with dots goes into what is nested. */
function valueAt(row: object, name: string): unknown {
  if (Object.hasOwn(row, name)) return (row as Record<string, unknown>)[name]
  const dot = name.indexOf('.')
  if (dot === -1) return undefined
  const nested = (row as Record<string, unknown>)[name.slice(0, dot)]
  return typeof nested === 'object' && nested !== null ? valueAt(nested, name.slice(dot + 1)) : undefined
}

/** The top-level key of a row that a dotted name leads into. */
export function keyOf(name: string): string {
  const dot = name.indexOf('.')
  return dot === -1 ? name : name.slice(0, dot)
}

/** The columns with these names, in their order; what a list doesn't show by itself is shown as it is. */
export function columnsNamed<T extends object>(columns: readonly Column<T>[], names: readonly string[]): Column<T>[] {
  return names.map(
    (name) => columns.find((column) => column.name === name) ?? ({ name, header: name.toUpperCase() } as Column<T>),
  )
}

/** What stands above a column. */
export function headerOf<T>({ name, header }: Column<T>): string {
  return header ?? name.toUpperCase().replaceAll('_', ' ')
}

/**
 * Makes a function that formats a row's cell for people; it returns null for an empty cell.
 *
 * @param now what times are relative to; undefined for ISO 8601 UTC.
 */
export function cellReader<T extends object>({ name, cell }: Column<T>, now?: Date): (row: T) => string | null {
  if (cell !== undefined) return cell
  const [value, read] = [fieldReader(name), valueReader(name, now)]
  return (row) => read(value(row))
}

/** Makes a function that reads what is at a key of a row (`valueAt`). */
export function fieldReader(name: string): (row: object) => unknown {
  // Lists have 100,000 rows, and asking whether a row has a key itself takes longer than reading it.
  if (name.includes('.') || name in Object.prototype) return (row) => valueAt(row, name)
  return (row) => (row as Record<string, unknown>)[name]
}

/**
 * A row with some of its keys only, in this order, or with all.
 *
 * @param names undefined for all; what failed keeps all of them too, as it has
 *   others, and its error would be told nowhere else.
 */
export function pickOrFailure(row: object, names: readonly string[] | undefined): object {
  if (names === undefined || isFailure(row)) return row
  return Object.fromEntries(names.map((name) => [name, valueAt(row, name) ?? null]))
}

/** Says whether that is what became of something that failed, alone or of several; a file's report has an error beside the rest. */
function isFailure(row: object): boolean {
  return 'error' in row && Object.keys(row).every((key) => ['id', 'conflicts', 'error'].includes(key))
}
