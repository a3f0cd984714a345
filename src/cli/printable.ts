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
    return `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`
  })
}
