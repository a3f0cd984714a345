/** A line of a text file. */
export interface Line {
  /** Counted from 1. */
  number: number
  text: string
}

/** Returns the lines of a text that are neither empty nor comments with `#`, without spaces around them. */
export function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .map((line, at) => ({ number: at + 1, text: line.trim() }))
    .filter((line) => line.text !== '' && !line.text.startsWith('#'))
}

/** Returns the words of a line, separated by spaces and tabs. */
export function wordsOf(text: string): string[] {
  return text.split(/[ \t]+/).filter((word) => word !== '')
}
