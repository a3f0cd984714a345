/** Returns the words before the first `end`; all words if there is none. */
export function wordsBefore(argv: readonly string[], end: string): readonly string[] {
  const at = argv.indexOf(end)
  return at === -1 ? argv : argv.slice(0, at)
}

/** Returns true if a flag is among the words before `--`. */
export function hasFlag(argv: readonly string[], flag: string): boolean {
  return wordsBefore(argv, '--').includes(flag)
}

/** Returns true if `--debug` is among the words before `--`. */
export function isDebugging(argv: readonly string[]): boolean {
  return hasFlag(argv, '--debug')
}
