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

/** Returns a text with a line at its end. */
export function withLine(text: string, line: string): string {
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`
}

/**
 * Returns a text without some of its lines. All others stay as they are, with their line ends.
 *
 * @param numbers the lines, counted from 1.
 * @param replacements what some of these lines are replaced by.
 */
export function withoutLines(
  text: string,
  numbers: ReadonlySet<number>,
  replacements: ReadonlyMap<number, string> = new Map(),
): string {
  const kept = rawLines(text).map((raw, at) => {
    if (!numbers.has(at + 1)) return raw
    const replacement = replacements.get(at + 1)
    return replacement === undefined ? '' : replacement + (/\r?\n?$/.exec(raw)?.[0] ?? '')
  })
  return kept.join('')
}

/** Returns numbers of lines together with those of the lines that continue them after a `\` at the end. */
export function withContinuations(text: string, numbers: Iterable<number>): Set<number> {
  const lines = rawLines(text)
  const all = new Set<number>()
  for (let number of numbers) {
    all.add(number)
    while (number < lines.length && lines[number - 1]?.trim().endsWith('\\')) all.add(++number)
  }
  return all
}

function rawLines(text: string): string[] {
  return text.split(/(?<=\n)/)
}
