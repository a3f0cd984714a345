/**
 * Characters that could move a cursor, change colours or turn text around: C0
 * and C1 controls, DEL, and Unicode's bidirectional controls and line separators.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** Makes text that a stranger wrote safe to show, on one line: what isn't printable is escaped as in JSON. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return escaped(character)
  })
}

/** Escapes what could upset a terminal as \uXXXX, as JSON and YAML have it within quotes, but not `kept`. */
export function escapeUnsafe(text: string, kept: string): string {
  return text.replace(UNSAFE, (character) => (character === kept ? character : escaped(character)))
}

/** Says whether a text holds something that could upset a terminal. */
export function isUnsafe(text: string): boolean {
  UNSAFE.lastIndex = 0
  return UNSAFE.test(text)
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`
}
