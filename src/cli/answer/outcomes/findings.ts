import type { Column } from '../columns.ts'
import { isStreamed } from '../format.ts'
import type { Printer } from '../printer.ts'

/** An answer of findings, which are printed as they are found. */
export interface Findings<T> {
  write: (finding: T) => Promise<unknown>
  end: () => Promise<void>
}

/** Returns true if a summary of the findings is the answer: in JSON and YAML without `--columns`. */
export function isSummary({ format, hasColumns }: Printer): boolean {
  return !isStreamed(format) && format !== 'table' && !hasColumns
}

/**
 * Starts an answer of findings: rows if a format or columns were asked for, otherwise text. It stays empty if the
 * summary is the answer.
 *
 * @param lineOf returns a finding as text, without its last newline.
 */
export async function openFindings<T extends object>(
  printer: Printer,
  columns: readonly Column<T>[],
  lineOf: (finding: T) => string,
): Promise<Findings<T>> {
  if (isSummary(printer)) return { write: async () => {}, end: async () => {} }
  if (printer.isAskedFor) {
    const list = await printer.openList(columns)
    return { write: (finding) => list.write([finding]), end: list.end }
  }
  return { write: (finding) => printer.text(`${lineOf(finding)}\n`), end: async () => {} }
}
