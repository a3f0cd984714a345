/** What of a column decides how wide it gets. */
export interface Fitting {
  /** Cells that its widest text takes. */
  width: number
  /** When it goes: the highest first, 0 never. */
  rank: number
  isText: boolean
}

/** Cells that a text keeps as long as a column can go instead, as far as it has them. */
const LEAST_TEXT = 20
/** And when none can. */
const SCANT_TEXT = 8

/**
 * Fits the columns of a table into a terminal: the highest ranks go first, then
 * texts are cut, the widest most. What is no text is whole, also where the table is
 * wider than the terminal for it.
 *
 * @param width cells of the terminal; undefined where nothing is to be cut, as in a pipe.
 * @param gap cells between two columns.
 * @returns the width of each column; 0 for one that goes.
 */
export function fitColumns(columns: readonly Fitting[], width: number | undefined, gap: number): number[] {
  if (width === undefined) return columns.map((column) => column.width)
  const widths = columns.map(({ width, isText }) => (isText ? Math.min(width, LEAST_TEXT) : width))
  const room = () => width + gap - widths.reduce((sum, each) => sum + (each === 0 ? 0 : each + gap), 0)
  while (room() < 0) {
    const shown = columns.map(({ rank }, at) => (widths[at] === 0 ? 0 : rank))
    const highest = Math.max(...shown)
    if (highest === 0) break
    widths[shown.lastIndexOf(highest)] = 0
  }
  while (room() < 0) {
    const texts = columns.map(({ isText }, at) => (isText ? (widths[at] ?? 0) : 0))
    const widest = Math.max(...texts)
    if (widest <= SCANT_TEXT) break
    widths[texts.lastIndexOf(widest)] = widest - 1
  }
  for (const [at, { width, isText }] of columns.entries()) {
    const now = widths[at] ?? 0
    if (isText && now > 0) widths[at] = Math.min(width, now + Math.max(0, room()))
  }
  return widths
}
