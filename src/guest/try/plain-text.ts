/** Control, format, private and unassigned characters, halves of surrogate pairs, and line separators. */
const NOT_TEXT = /[\p{C}\u2028\u2029\ufffd]/gu

/**
 * Returns a text of a guest for people: as UTF-8, without characters that are invisible or that terminals obey,
 * without spaces around it, and cut with `…`.
 *
 * @param most its length, in UTF-16 units.
 */
export function plainText(text: Buffer | string, most: number): string {
  const decoded = typeof text === 'string' ? text : text.toString('utf8')
  const plain = decoded.replace(/\t/g, ' ').replace(NOT_TEXT, '').trim()
  if (plain.length <= most) return plain
  return `${plain.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`
}
