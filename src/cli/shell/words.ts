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
  open: Quote | '\\' | undefined
}

type Quote = "'" | '"'

const BLANKS = ' \t'
/** The characters that a backslash escapes in double quotes. */
const ESCAPED_IN_QUOTES = '$`"\\\n'

/**
 * Splits a line into words as sh does (POSIX.1-2017, Shell Command Language, sections 2.2 "Quoting"
 * and 2.3 "Token Recognition"), but without expansion: characters such as `$`, `*` and `;` are
 * literal. `#` at the start of a word starts a comment.
 */
export function splitLine(line: string): Line {
  const splitter = new Splitter()
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string
    if (character === '\\' && splitter.quote !== "'") {
      const next = line[at + 1]
      if (next === undefined) return { words: splitter.words, open: '\\' }
      splitter.takeEscaped(at, next)
      at++
    } else if (splitter.quote !== undefined) splitter.takeQuoted(at, character)
    else if (character === '#' && splitter.isBetweenWords) break
    else splitter.takePlain(at, character)
  }
  return { words: splitter.words, open: splitter.quote }
}

/** Collects the words of a line from its characters. */
class Splitter {
  readonly words: Word[] = []
  /** The quote that is open. */
  quote: Quote | undefined
  #word: Word | undefined

  get isBetweenWords(): boolean {
    return this.#word === undefined
  }

  /** Takes a character outside quotes. */
  takePlain(at: number, character: string): void {
    if (character === "'" || character === '"') {
      this.quote = character
      // Quotes without content are a word too.
      this.#add(at, '', '')
    } else if (BLANKS.includes(character)) this.#word = undefined
    else this.#add(at, character, character)
  }

  /** Takes a character inside quotes, or the quote that closes them. */
  takeQuoted(at: number, character: string): void {
    if (character === this.quote) this.quote = undefined
    else this.#add(at, character, '\0')
  }

  /** Takes a backslash and the character after it. An escaped newline joins two lines. */
  takeEscaped(at: number, next: string): void {
    if (next === '\n') return
    if (this.quote === undefined || ESCAPED_IN_QUOTES.includes(next)) this.#add(at, next, '\0')
    else this.#add(at, `\\${next}`, '\0\0')
  }

  /** Adds text to the word; starts one at `at` if there is none. */
  #add(at: number, value: string, bare: string): void {
    if (this.#word === undefined) {
      this.#word = { value: '', start: at, bare: '' }
      this.words.push(this.#word)
    }
    this.#word.value += value
    this.#word.bare += bare
  }
}
