import { VdcError } from '../../core/errors.ts'

/** What of an option its spelling depends on. */
interface Option {
  type: 'boolean' | 'option'
  /** One letter. */
  char?: string | undefined
  allowNo?: boolean | undefined
  aliases?: readonly string[] | undefined
}

/** An option that a word can spell. */
interface Known {
  /** Its own name, without dashes. */
  name: string
  option: Option
  /** The word switches it off: `--no-X`, `--skip-X`. */
  isNegative: boolean
}

/** The words that thor takes for a boolean's value, after `=` or as the next word. */
const VALUES: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'TRUE', 't', 'T'].map((word) => [word, true] as const),
  ...['false', 'FALSE', 'f', 'F'].map((word) => [word, false] as const),
])
/** What nobody means as an ID after an option that can be switched off, and what neither thor nor we take as its value. */
const MISLEADING = /^(?:true|false|yes|no|on|off|[yn01])$/i

/**
 * Respells options as the original takes them (dcmgr.md, "How the original's
 * command line behaves") into oclif's way, before a `--`: `--account_id` is
 * `--account-id`, and `--is-public false`, `--is-public=false` and
 * `--skip-is-public` are `--no-is-public`. An option of ours that is off unless
 * given is dropped where it is switched off. Of several spellings of one boolean
 * the last counts. Only options of the command are touched; arguments and values
 * of other options stay as they are.
 *
 * @param options those of the command, by their names without dashes.
 * @throws VdcError VALUE_REFUSED for a boolean with a value that is none; USAGE
 *   for a value after `--no-X`, or a word after a boolean that looks like its value.
 */
export function originalSpelling(argv: readonly string[], options: Readonly<Record<string, Option>>): string[] {
  const known = knownSpellings(options)
  const rest = [...argv]
  const spelt: { word: string; boolean?: string }[] = []
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      spelt.push({ word }, ...rest.map((each) => ({ word: each })))
      break
    }
    const [, first, others] = /^(-[A-Za-z])([A-Za-z].*)$/s.exec(word) ?? []
    if (first !== undefined && known.get(first)?.option.type === 'boolean') {
      // Several letters in one word.
      rest.unshift(first, `-${others}`)
      continue
    }
    const { written, value, found } = readOption(word, known)
    if (found === undefined) spelt.push({ word })
    else if (found.option.type === 'option') {
      spelt.push({ word: value === undefined ? written : `${written}=${value}` })
      const next = rest[0]
      if (value === undefined && next !== undefined && next !== '--' && !known.has(next.replaceAll('_', '-')))
        spelt.push({ word: rest.shift() as string })
    } else {
      const { name, option } = found
      const isOn = isSwitchedOn(written, value, found, rest)
      for (let at = spelt.length - 1; at >= 0; at--) if (spelt[at]?.boolean === name) spelt.splice(at, 1)
      if (isOn) spelt.push({ word: written, boolean: name })
      else if (option.allowNo) spelt.push({ word: `--no-${name}`, boolean: name })
    }
  }
  return spelt.map(({ word }) => word)
}

/**
 * The names of the options that words may spell; a value that looks like an option counts as one.
 *
 * @param argv as `originalSpelling` returns it: only the first letter after a single dash is an option.
 */
export function optionsSpelled(argv: readonly string[], options: Readonly<Record<string, Option>>): Set<string> {
  const known = knownSpellings(options)
  const names = new Set<string>()
  for (const word of argv) {
    if (!word.startsWith('-')) continue
    const name = known.get(word.startsWith('--') ? word.replace(/=.*$/s, '') : word.slice(0, 2))?.name
    if (name !== undefined) names.add(name)
  }
  return names
}

/** What a word says as the value of a boolean; undefined if it is none. */
export function valueOfBoolean(word: string | undefined): boolean | undefined {
  return word === undefined ? undefined : VALUES.get(word)
}

/** Says whether a word after a boolean option, spelled without `=`, is its value and no argument. */
export function isValueOfBoolean(before: string, word: string, options: Readonly<Record<string, Option>>): boolean {
  const { value, found } = readOption(before, knownSpellings(options))
  return value === undefined && found?.option.type === 'boolean' && !found.isNegative && VALUES.has(word)
}

/** Results of `knownSpellings`, which a shell needs for every line. */
const spellings = new WeakMap<object, ReadonlyMap<string, Known>>()

/** All ways to write options; a name of its own goes before another's negation. */
function knownSpellings(options: Readonly<Record<string, Option>>): ReadonlyMap<string, Known> {
  const known = spellings.get(options) ?? allSpellings(options)
  spellings.set(options, known)
  return known
}

function allSpellings(options: Readonly<Record<string, Option>>): ReadonlyMap<string, Known> {
  const known = new Map<string, Known>()
  const all = Object.entries(options).flatMap(([name, option]) =>
    [name, ...(option.aliases ?? [])].map((alias) => ({ alias, name, option })),
  )
  for (const { alias, name, option } of all) {
    if (option.type !== 'boolean') continue
    for (const not of ['no', 'skip']) known.set(`--${not}-${alias}`, { name, option, isNegative: true })
  }
  for (const { alias, name, option } of all) {
    known.set(`--${alias}`, { name, option, isNegative: false })
    if (option.char !== undefined) known.set(`-${option.char}`, { name, option, isNegative: false })
  }
  return known
}

/** What option a word spells, if any; `written` is its name with dashes, `value` what stands behind its `=`. */
function readOption(word: string, known: ReadonlyMap<string, Known>) {
  const [, name = '', value] = /^(-[A-Za-z]|--[A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word) ?? []
  const written = name.replaceAll('_', '-')
  return { written, value, found: known.get(written) }
}

/** Whether a boolean option is on; takes its value from the words that follow, where it is there. */
function isSwitchedOn(written: string, assigned: string | undefined, known: Known, rest: string[]): boolean {
  const { name, option, isNegative } = known
  const next = assigned === undefined ? rest[0] : undefined
  const value = assigned ?? (next !== undefined && VALUES.has(next) ? rest.shift() : undefined)
  if (isNegative && value !== undefined) {
    throw new VdcError(
      'USAGE',
      `${written} takes no value, and '${value}' ${assigned === undefined ? 'follows it' : 'is given'}`,
      {
        hint: `Write --${name} or --no-${name}; an ID such as '${value}' goes before the options`,
      },
    )
  }
  if (value === undefined && next !== undefined && (option.allowNo || isNegative) && MISLEADING.test(next)) {
    throw new VdcError('USAGE', `'${next}' is not a value of ${written}: it takes true or false`, {
      hint: `Write --${name} or --no-${name}; an ID such as '${next}' goes before the options`,
    })
  }
  if (value === undefined) return !isNegative
  const isOn = VALUES.get(value)
  if (isOn === undefined) throw new VdcError('VALUE_REFUSED', `${written} must be true or false; not '${value}'`)
  return isOn
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
