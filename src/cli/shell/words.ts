/** A word of a line. */
interface Word {
  /** The word without quotes and escapes. */
  value: string
  /** Index of its first character in the line. */
  start: number
  /** The value with `\0` for each character that is quoted or escaped. */
  bare: string
}

/** A line split into words. */
export interface Line {
  words: Word[]
  /** A quote that is not closed, or a backslash at the end of the line, which continues it on the next one. */
  open: "'" | '"' | '\\' | undefined
}

const BLANK = /[ \t]/

/**
 * Splits a line into words as sh does (POSIX.1-2017, Shell Command Language, sections 2.2 "Quoting"
 * and 2.3 "Token Recognition"), but without expansion: characters such as `$`, `*` and `;` are
 * literal. `#` at the start of a word starts a comment.
 */
export function splitLine(line: string): Line {
  const words: Word[] = []
  let word: Word | undefined
  let quote: "'" | '"' | undefined
  const add = (at: number, text: string, bare = '\0'.repeat(text.length)) => {
    if (word === undefined) {
      word = { value: '', start: at, bare: '' }
      words.push(word)
    }
    word.value += text
    word.bare += bare
  }
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string
    if (quote !== undefined && character === quote) quote = undefined
    else if (quote === "'") add(at, character)
    else if (character === '\\') {
      const next = line[at + 1]
      if (next === undefined) return { words, open: '\\' }
      // In double quotes, a backslash escapes only special characters.
      const escapes = quote === undefined || '$`"\\\n'.includes(next)
      if (next !== '\n') add(at, escapes ? next : character + next)
      at++
    } else if (quote !== undefined) add(at, character)
    else if (character === "'" || character === '"') {
      quote = character
      add(at, '')
    } else if (BLANK.test(character)) word = undefined
    else if (character === '#' && word === undefined) break
    else add(at, character, character)
  }
  return { words, open: quote }
}
