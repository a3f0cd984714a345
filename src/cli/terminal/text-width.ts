import stringWidth from 'string-width'

/** Characters that never combine and take one cell: ASCII, Latin, Greek and Cyrillic letters, the ellipsis and arrows. */
const NARROW =
  ' -~\u00a1-\u00a8\u00aa-\u00ac\u00af-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038e-\u03a1\u03a3-\u0482\u048a-\u052f\u2026\u2190-\u2193'
/** Characters that never combine and take two cells: Japanese, Chinese, Korean syllables, full-width forms. */
const WIDE_RANGES = '\u3000-\u3029\u3041-\u3096\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60'
const ASCII = /^[ -~]*$/
const PLAIN = new RegExp(`^[${NARROW}${WIDE_RANGES}]*$`)
const WIDE = new RegExp(`[${WIDE_RANGES}]`, 'g')

/**
 * Returns the number of terminal cells that a text takes, as string-width counts them. string-width
 * builds tables for 80 ms when it is loaded, so it is used only for texts that need it, such
 * as those with emoji or combining marks.
 */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length
  if (PLAIN.test(text)) return text.length + (text.match(WIDE)?.length ?? 0)
  return stringWidth(text)
}
