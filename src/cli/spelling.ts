/**
 * The original takes every option with `_` as with `-` (dcmgr.md, "How the
 * original's command line behaves"): makes `--account-id=x` of `--account_id=x`
 * before a `--`, where that is an option of the command. Values stay as they are.
 *
 * @param names the options of the command, without their dashes.
 */
export function dashOptionNames(argv: readonly string[], names: readonly string[]): string[] {
  const known = new Set(names.flatMap((name) => [`--${name}`, `--no-${name}`]))
  const end = argv.indexOf('--')
  return argv.map((word, index) => {
    if (end !== -1 && index > end) return word
    return word.replace(/^--[A-Za-z][\w-]*(?==|$)/, (option) => {
      const dashed = option.replaceAll('_', '-')
      return known.has(dashed) ? dashed : option
    })
  })
}
