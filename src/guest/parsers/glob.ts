/**
 * Returns true if a name matches a pattern with `*` and `?`. Takes at most the product of both lengths,
 * because the pattern is a guest's.
 */
export function matchesGlob(name: string, pattern: string): boolean {
  let at = 0
  let inPattern = 0
  let star = -1
  let afterStar = 0
  while (at < name.length) {
    const wanted = pattern[inPattern]
    if (wanted === '*') {
      star = inPattern++
      afterStar = at
    } else if (wanted === '?' || wanted === name[at]) {
      at++
      inPattern++
    } else if (star >= 0) {
      // Let the last star match one more character.
      at = ++afterStar
      inPattern = star + 1
    } else return false
  }
  return pattern.slice(inPattern).replaceAll('*', '') === ''
}
