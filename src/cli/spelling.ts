import { VdcError } from '../errors.ts'

/** What of an option its spelling depends on. */
interface Option {
  type: 'boolean' | 'option'
  allowNo?: boolean
  aliases?: string[]
}

/**
 * Respells options as the original takes them (dcmgr.md, "How the original's
 * command line behaves") into oclif's way, before a `--`: `--account_id` is
 * `--account-id`, and `--is-public=false` is `--no-is-public`. Only options of
 * the command are touched; values stay as they are.
 *
 * @param options those of the command, by their names without dashes.
 */
export function originalSpelling(argv: readonly string[], options: Readonly<Record<string, Option>>): string[] {
  const known = new Map<string, Option>()
  for (const [name, option] of Object.entries(options)) {
    for (const each of [name, ...(option.aliases ?? [])]) known.set(`--${each}`, option).set(`--no-${each}`, option)
  }
  const end = argv.indexOf('--')
  return argv.map((word, index) => {
    if (end !== -1 && index > end) return word
    const [, spelt, value] = /^(--[A-Za-z][\w-]*)(=.*)?$/s.exec(word) ?? []
    const name = spelt?.replaceAll('_', '-')
    const option = name === undefined ? undefined : known.get(name)
    if (name === undefined || option === undefined) return word
    if (option.type === 'boolean' && value === '=true') return name
    if (option.type === 'boolean' && option.allowNo && value === '=false') return name.replace('--', '--no-')
    return `${name}${value ?? ''}`
  })
}

/**
 * Has a refusal of a value name the option that it was given by, where its message
 * begins with a field's name: `created_after 'x' is no time` is of `--created-after`.
 *
 * @param options those of the command, by their names without dashes.
 */
export function namingOption(error: VdcError, options: Readonly<Record<string, unknown>>): VdcError {
  const [field, name] = /^([a-z][a-z0-9_]*)(?:\.\d+)? /.exec(error.message) ?? []
  const option = name?.replaceAll('_', '-')
  if (error.code !== 'VALUE_REFUSED' || option === undefined || !Object.hasOwn(options, option)) return error
  const message = `--${option} ${error.message.slice(field?.length)}`
  return new VdcError(error.code, message, { hint: error.hint, cause: error })
}
