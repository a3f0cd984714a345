/** A word of a line: what it means, and where it stands. */
interface Word {
  value: string
  start: number
  /** The value with `\0` for each character that is quoted or escaped. */
  bare: string
}

/** A line taken apart. */
export interface Line {
  words: Word[]
  /** What the line leaves open: a quote, or a backslash at its very end that goes on in the next line. */
  open: "'" | '"' | '\\' | undefined
}

const BLANK = /[ \t]/

/**
 * Takes a line apart as sh does (POSIX.1-2017, Shell Command Language, sections
 * 2.2 "Quoting" and 2.3 "Token Recognition"), but without any expansion: `$`,
 * `*`, `;` and the like mean themselves. `#` at the start of a word begins a comment.
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
      // Within double quotes a backslash only escapes what is special there.
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
