/**
 * Finds the one of some words that a mistyped one stands for: the one with the
 * fewest slips between them, or the only one that it is the beginning of.
 *
 * @returns undefined where none is near enough, or several are the beginning's.
 */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  const words = [...new Set(known)]
  const scored = words
    .map((word) => ({ word, slips: slipsBetween(typed.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, slips }) => slips <= allowedIn(word))
    .sort((a, b) => a.slips - b.slips)
  if (scored[0] !== undefined) return scored[0].word
  const longer = words.filter((word) => word.startsWith(typed))
  return typed.replaceAll('-', '').length > 1 && longer.length === 1 ? longer[0] : undefined
}

/** Asks whether the word was meant that is nearest to a mistyped one, with a blank at its end; empty where none is near. */
export function wasMeant(typed: string, known: readonly string[]): string {
  const near = nearest(typed, known)
  return near === undefined ? '' : `Did you mean ${near}? `
}

/** How many slips a word may hold and still be known: one in short ones, three at most. */
export function allowedIn(word: string): number {
  return Math.min(3, Math.max(1, Math.floor(word.length / 3)))
}

/**
 * Counts the slips between two words: letters too many, missing, others, or two
 * neighbours swapped (the optimal string alignment distance). The small libraries
 * for this count a swap as two, and then `dle` is as near to `add` as to `del`.
 */
export function slipsBetween(a: string, b: string): number {
  let [before, above]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, at) => at)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const other = a[i - 1] === b[j - 1] ? 0 : 1
      const slips = [(above[j] as number) + 1, (row[j - 1] as number) + 1, (above[j - 1] as number) + other]
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) slips.push((before[j - 2] as number) + 1)
      row.push(Math.min(...slips))
    }
    before = above
    above = row
  }
  return above[b.length] as number
}
