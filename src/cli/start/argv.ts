/** The words before the first that is `end`; all where there is none. */
export function wordsBefore(argv: readonly string[], end: string): readonly string[] {
  const at = argv.indexOf(end)
  return at === -1 ? argv : argv.slice(0, at)
}

/** Says whether a flag is among the words before `--`. */
export function hasFlag(argv: readonly string[], flag: string): boolean {
  return wordsBefore(argv, '--').includes(flag)
}

/** Says whether `--debug` is among the words before `--`. */
export function isDebugging(argv: readonly string[]): boolean {
  return hasFlag(argv, '--debug')
}
