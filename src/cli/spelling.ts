/**
 * The original takes every option with `_` as with `-` (dcmgr.md, "How the
 * original's command line behaves"): makes `--account_id=x` of `--account-id=x`,
 * wherever it stands before a `--`. Values stay as they are.
 */
export function dashOptionNames(argv: readonly string[]): string[] {
  const end = argv.indexOf('--')
  return argv.map((word, index) => {
    if (end !== -1 && index > end) return word
    return word.replace(/^--[A-Za-z][\w-]*(?==|$)/, (option) => option.replaceAll('_', '-'))
  })
}
