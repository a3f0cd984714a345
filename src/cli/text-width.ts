import stringWidth from 'string-width'

/** Characters that stand alone and take one cell: ASCII, and letters of Latin, Greek and Cyrillic. */
const NARROW =
  ' -~\u00a1-\u00a8\u00aa-\u00ac\u00af-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038e-\u03a1\u03a3-\u0482\u048a-\u052f'
/** Characters that stand alone and take two: Japanese and Chinese, syllables of Korean, full-width forms. */
const WIDE_RANGES = '\u3000-\u3029\u3041-\u3096\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60'
const ASCII = /^[ -~]*$/
const PLAIN = new RegExp(`^[${NARROW}${WIDE_RANGES}]*$`)
const WIDE = new RegExp(`[${WIDE_RANGES}]`, 'g')

/**
 * The cells of a terminal that a text takes, as string-width counts them. That looks at
 * each character as a person sees it, with tables that take 80 ms to make, so only texts
 * come to it that need that, as those with emoji or combining marks do.
 */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length
  if (PLAIN.test(text)) return text.length + (text.match(WIDE)?.length ?? 0)
  return stringWidth(text)
}
