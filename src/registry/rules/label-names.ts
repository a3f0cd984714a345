import { OWN_LABELS } from './values.ts'

/*
 * Which names of labels are the same. The unique index of `resource_labels` decides
 * that on MySQL and MariaDB by its collation, which differs between installations;
 * SQLite tells all names apart. So that labels can move between all of them, one rule
 * holds on both engines: names are the same if any collation of MySQL and MariaDB
 * that ignores case and accents takes them for the same.
 */

/** Primary strength of the Unicode collation algorithm, as the `unicode`, `uca1400` and `0900_ai` collations have it; made when first needed. */
let collator: Intl.Collator | undefined

/** Characters that the collations of older Unicode versions take for others, or for none. */
const OLDER: Readonly<Record<string, string>> = { '৴': '1', '৵': '2', '৶': '3', '৷': '4', '\u06de': '' }
/** Two alphabets of Georgian that older and newer versions take for capitals of different letters. */
const GEORGIAN: readonly [first: number, last: number][] = [
  [0x10a0, 0x10c5],
  [0x2d00, 0x2d25],
]
const GEORGIAN_MODERN = 0x10d0

/** Says whether a database may take two names of labels for the same: in another case, with accents, with trailing whitespace. */
export function isSameName(a: string, b: string): boolean {
  if (a === b) return true
  // The most frequent case, and the only one for which no collation differs.
  if (isPlain(a) && isPlain(b)) return a.trimEnd().toLowerCase() === b.trimEnd().toLowerCase()
  return generalKey(a) === generalKey(b) || isSameInUnicode(a, b)
}

/** Says whether a database may take a name for one that begins with `OWN_LABELS`. */
export function isOwnName(name: string): boolean {
  if (isPlain(name)) return name.toLowerCase().startsWith(OWN_LABELS)
  if (generalKey(name).startsWith(OWN_LABELS)) return true
  const characters = [...name]
  return characters.some((_, index) => isSameInUnicode(characters.slice(0, index + 1).join(''), OWN_LABELS))
}

function isPlain(name: string): boolean {
  return /^[ -~]*$/.test(name)
}

/** As `general_ci` compares: character by character, without case and marks, all beyond U+FFFF being one. */
function generalKey(name: string): string {
  const folded = withoutSupplementary(name).replaceAll('\u0345', 'ι').replaceAll(/[ßẞ]/g, 's')
  return withoutMarks(withoutMarks(folded).toUpperCase().toLowerCase()).trimEnd()
}

function withoutMarks(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '')
}

function withoutSupplementary(text: string): string {
  return text.replaceAll(/[\u{10000}-\u{10ffff}]/gu, '\ufffd')
}

function isSameInUnicode(a: string, b: string): boolean {
  const [left, right] = [unicodeText(a), unicodeText(b)]
  // Of the older versions, what is beyond U+FFFF is one character.
  return isBaseEqual(left, right) || isBaseEqual(withoutSupplementary(left), withoutSupplementary(right))
}

function isBaseEqual(a: string, b: string): boolean {
  collator ??= new Intl.Collator('und', { sensitivity: 'base' })
  return collator.compare(a, b) === 0
}

/** A name without what is compared as nothing at its end: spaces, also where only characters follow that have no weight. */
function unicodeText(name: string): string {
  const characters = [...name].map((character) => OLDER[character] ?? modernGeorgian(character))
  while (characters.length > 0 && isNothingAtEnd(characters.at(-1) as string)) characters.pop()
  return characters.join('')
}

function modernGeorgian(character: string): string {
  const code = character.charCodeAt(0)
  const alphabet = GEORGIAN.find(([first, last]) => code >= first && code <= last)
  return alphabet === undefined ? character : String.fromCharCode(code - alphabet[0] + GEORGIAN_MODERN)
}

function isNothingAtEnd(character: string): boolean {
  return /^\s*$/.test(character) || isBaseEqual(character, '')
}
