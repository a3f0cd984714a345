/**
 * Characters that could move a cursor, change colours or turn text around: C0
 * and C1 controls, DEL, and Unicode's bidirectional controls and line separators.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it matches control characters
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** Makes untrusted text safe to print on one line: unprintable characters are escaped as in JSON. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return escaped(character)
  })
}

/** Escapes unsafe characters except `kept` as \uXXXX, as in quoted strings of JSON and YAML. */
export function escapeUnsafe(text: string, kept: string): string {
  return text.replace(UNSAFE, (character) => (character === kept ? character : escaped(character)))
}

/** Returns true if a text contains unsafe characters. */
export function isUnsafe(text: string): boolean {
  UNSAFE.lastIndex = 0
  return UNSAFE.test(text)
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`
}
