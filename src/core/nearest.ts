/**
 * Finds the known word that was probably meant by a mistyped one: the word with the
 * fewest typos, or the only word that begins with it.
 *
 * @returns undefined if no word is near enough, or if several words begin with `typed`.
 */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  const words = [...new Set(known)]
  const lower = typed.toLowerCase()
  const scored = words
    .map((word) => ({ word, typos: countTypos(lower, word.toLowerCase()) }))
    .filter(({ word, typos }) => typos <= mostTypos(word))
    .sort((a, b) => a.typos - b.typos)
  if (scored[0] !== undefined) return scored[0].word
  const longer = words.filter((word) => word.startsWith(typed))
  return typed.replaceAll('-', '').length > 1 && longer.length === 1 ? longer[0] : undefined
}

/** Returns `Did you mean …? `, with a space at the end, or an empty string if no known word is near enough. */
export function wasMeant(typed: string, known: readonly string[]): string {
  const near = nearest(typed, known)
  return near === undefined ? '' : `Did you mean ${near}? `
}

/** Returns how many typos in a word are accepted: one per three characters, at least one and at most three. */
export function mostTypos(word: string): number {
  return Math.min(3, Math.max(1, Math.floor(word.length / 3)))
}

/**
 * Counts the typos between a word and a known one: inserted, missing, replaced and swapped
 * neighbouring characters (the optimal string alignment distance). Small libraries for
 * this count a swap as two typos; then `dle` would be as near to `add` as to `del`.
 *
 * @returns infinity if their lengths alone differ by more typos than are accepted in `b`.
 */
export function countTypos(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > mostTypos(b)) return Number.POSITIVE_INFINITY
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const other = a[i - 1] === b[j - 1] ? 0 : 1
      const typos = [(above[j] as number) + 1, (row[j - 1] as number) + 1, (above[j - 1] as number) + other]
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) typos.push((before[j - 2] as number) + 1)
      row.push(Math.min(...typos))
    }
    before = above
    above = row
  }
  return above[b.length] as number
}
