/** The properties of a column that determine its width. */
export interface Fitting {
  /** Terminal cells of its widest text. */
  width: number
  /** Columns with a higher rank are left out first; 0 is always shown. */
  rank: number
  isText: boolean
  /** True if the cells may be cut once text columns are as narrow as they get, because the column was asked for. */
  isAsked: boolean
}

/** Cells that a text column keeps while other columns can be left out. */
const TEXT_WIDTH = 20
/** Cells that a text column always keeps. */
const MINIMUM_TEXT_WIDTH = 8
/** Cells that every column keeps that was asked for. */
const MINIMUM_WIDTH = 4

/**
 * Fits the columns of a table into the width of a terminal. First, columns with the highest ranks
 * are left out. Then text columns are cut, the widest ones first, and then those that were asked for.
 * Other columns are never cut, even if the table is then wider than the terminal.
 *
 * @param width cells of the terminal; undefined for no limit, as in a pipe.
 * @param gap cells between two columns.
 * @returns the width of each column; 0 for one that is left out.
 */
export function fitColumns(columns: readonly Fitting[], width: number | undefined, gap: number): number[] {
  if (width === undefined) return columns.map((column) => column.width)
  const widths = columns.map(({ width, isText }) => (isText ? Math.min(width, TEXT_WIDTH) : width))
  const room = () => width + gap - widths.reduce((sum, each) => sum + (each === 0 ? 0 : each + gap), 0)
  while (room() < 0) {
    const shown = columns.map(({ rank }, at) => (widths[at] === 0 ? 0 : rank))
    const highest = Math.max(...shown)
    if (highest === 0) break
    widths[shown.lastIndexOf(highest)] = 0
  }
  const cut = (mayBeCut: (column: Fitting) => boolean, minimum: number) => {
    while (room() < 0) {
      const those = columns.map((column, at) => (mayBeCut(column) ? (widths[at] ?? 0) : 0))
      const widest = Math.max(...those)
      if (widest <= minimum) break
      widths[those.lastIndexOf(widest)] = widest - 1
    }
  }
  cut(({ isText }) => isText, MINIMUM_TEXT_WIDTH)
  cut(({ isAsked }) => isAsked, MINIMUM_WIDTH)
  for (const [at, { width, isText }] of columns.entries()) {
    const now = widths[at] ?? 0
    if (isText && now > 0) widths[at] = Math.min(width, now + Math.max(0, room()))
  }
  return widths
}
