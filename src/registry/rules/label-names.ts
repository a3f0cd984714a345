import { OWN_LABELS } from './values.ts'

/*
 * When two label names count as the same. On MySQL and MariaDB, the collation of the
 * unique index of `resource_labels` decides, and it differs between installations;
 * SQLite distinguishes all names. Labels must be able to move between all of these, so
 * both engines follow one rule: two names are the same if any collation of MySQL or
 * MariaDB that ignores case and accents treats them as equal.
 */

/**
 * Compares at primary strength of the Unicode collation algorithm, like the `unicode`,
 * `uca1400` and `0900_ai` collations. Created on first use.
 */
let collator: Intl.Collator | undefined

/** Characters that collations of older Unicode versions treat as other characters, or ignore. */
const OLDER: Readonly<Record<string, string>> = { '৴': '1', '৵': '2', '৶': '3', '৷': '4', '\u06de': '' }
/** Two Georgian alphabets that older and newer Unicode versions treat as capitals of different letters. */
const GEORGIAN: readonly [first: number, last: number][] = [
  [0x10a0, 0x10c5],
  [0x2d00, 0x2d25],
]
const GEORGIAN_MODERN = 0x10d0

/** Returns whether a database may treat two label names as equal: names that differ only in case, accents or trailing whitespace. */
export function isSameName(a: string, b: string): boolean {
  if (a === b) return true
  // The most frequent case, and the only one on which all collations agree.
  if (isPlain(a) && isPlain(b)) return a.trimEnd().toLowerCase() === b.trimEnd().toLowerCase()
  return generalKey(a) === generalKey(b) || isSameInUnicode(a, b)
}

/** Returns whether a database may treat a name as one that begins with `OWN_LABELS`. */
export function isOwnName(name: string): boolean {
  if (isPlain(name)) return name.toLowerCase().startsWith(OWN_LABELS)
  if (generalKey(name).startsWith(OWN_LABELS)) return true
  const characters = [...name]
  return characters.some((_, index) => isSameInUnicode(characters.slice(0, index + 1).join(''), OWN_LABELS))
}

function isPlain(name: string): boolean {
  return /^[ -~]*$/.test(name)
}

/** Returns the form that `general_ci` compares: no case, no marks, and one replacement for all characters above U+FFFF. */
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
  // Older versions treat all characters above U+FFFF as the same one.
  return isBaseEqual(left, right) || isBaseEqual(withoutSupplementary(left), withoutSupplementary(right))
}

function isBaseEqual(a: string, b: string): boolean {
  collator ??= new Intl.Collator('und', { sensitivity: 'base' })
  return collator.compare(a, b) === 0
}

/** Removes the end of a name that collations ignore: whitespace and characters without weight. */
function unicodeText(name: string): string {
  const characters = [...name].map((character) => OLDER[character] ?? modernGeorgian(character))
  while (characters.length > 0 && isIgnoredAtEnd(characters.at(-1) as string)) characters.pop()
  return characters.join('')
}

function modernGeorgian(character: string): string {
  const code = character.charCodeAt(0)
  const alphabet = GEORGIAN.find(([first, last]) => code >= first && code <= last)
  return alphabet === undefined ? character : String.fromCharCode(code - alphabet[0] + GEORGIAN_MODERN)
}

function isIgnoredAtEnd(character: string): boolean {
  return /^\s*$/.test(character) || isBaseEqual(character, '')
}
