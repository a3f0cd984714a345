import { VdcError } from '../../core/errors.ts'

/** The properties of an option that determine how it can be written. */
interface Option {
  type: 'boolean' | 'option'
  /** One letter. */
  char?: string | undefined
  allowNo?: boolean | undefined
  aliases?: readonly string[] | undefined
}

/** One way to write an option. */
interface Known {
  /** The option's name, without dashes. */
  name: string
  option: Option
  /** True for `--no-X` and `--skip-X`, which switch the option off. */
  isNegative: boolean
}

/** The words that thor accepts as the value of a boolean, after `=` or as the next word. */
const VALUES: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'TRUE', 't', 'T'].map((word) => [word, true] as const),
  ...['false', 'FALSE', 'f', 'F'].map((word) => [word, false] as const),
])
/** Words after a boolean option that look like its value rather than an ID, including those that thor does not accept. */
const MISLEADING = /^(?:true|false|yes|no|on|off|[yn01])$/i

/**
 * Translates options from the syntax of the original (dcmgr.md, "How the original's command line
 * behaves") to oclif's: `--account_id` becomes `--account-id`; `--is-public false`,
 * `--is-public=false` and `--skip-is-public` become `--no-is-public`. An option without a `--no-`
 * form is removed if it is switched off. If a boolean is given several times, the last one counts.
 * Words after `--`, arguments and values of other options are left unchanged.
 *
 * @param options options of the command, by name without dashes.
 * @throws VdcError VALUE_REFUSED if a boolean has an invalid value; USAGE if `--no-X` has a value,
 *   or a word after a boolean looks like an invalid value.
 */
export function originalSpelling(argv: readonly string[], options: Readonly<Record<string, Option>>): string[] {
  const known = knownSpellings(options)
  const rest = [...argv]
  let spelt: Spelt[] = []
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      spelt.push({ word }, ...rest.map((each) => ({ word: each })))
      break
    }
    const letters = splitLetters(word, known)
    if (letters !== undefined) {
      rest.unshift(...letters)
      continue
    }
    const { written, value, found } = readOption(word, known)
    if (found === undefined) spelt.push({ word })
    else if (found.option.type === 'option') spelt.push(...withValue(written, value, rest, known))
    else {
      const isOn = isSwitchedOn(written, value, found, rest)
      spelt = withBoolean(spelt, written, found, isOn)
    }
  }
  return spelt.map(({ word }) => word)
}

/** A translated word; `boolean` is the name of the boolean option that it sets. */
interface Spelt {
  word: string
  boolean?: string
}

/** Splits off the first letter of words such as -qn if it is a boolean option. */
function splitLetters(word: string, known: ReadonlyMap<string, Known>): [string, string] | undefined {
  const [, first, others] = /^(-[A-Za-z0])([A-Za-z0].*)$/s.exec(word) ?? []
  return first !== undefined && known.get(first)?.option.type === 'boolean' ? [first, `-${others}`] : undefined
}

/** Returns an option that takes a value, with its value; removes that from `rest` if it is the next word. */
function withValue(
  written: string,
  value: string | undefined,
  rest: string[],
  known: ReadonlyMap<string, Known>,
): Spelt[] {
  if (value !== undefined) return [{ word: `${written}=${value}` }]
  const [next] = rest
  if (next === undefined || next === '--' || known.has(next.replaceAll('_', '-'))) return [{ word: written }]
  rest.shift()
  return [{ word: written }, { word: next }]
}

/** Adds a boolean option, in place of earlier ones of the same name. */
function withBoolean(spelt: readonly Spelt[], written: string, { name, option }: Known, isOn: boolean): Spelt[] {
  const others = spelt.filter(({ boolean }) => boolean !== name)
  if (isOn) return [...others, { word: written, boolean: name }]
  return option.allowNo ? [...others, { word: `--no-${name}`, boolean: name }] : others
}

/**
 * Returns the names of the options that words may contain. A value that looks like an option is included.
 *
 * @param argv the result of `originalSpelling`: only the first letter after a single dash is an option.
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

/** Returns the boolean that a word stands for; undefined if it is not a boolean. */
export function valueOfBoolean(word: string | undefined): boolean | undefined {
  return word === undefined ? undefined : VALUES.get(word)
}

/** Returns true if a word after a boolean option (without `=`) is its value, not an argument. */
export function isValueOfBoolean(before: string, word: string, options: Readonly<Record<string, Option>>): boolean {
  const { value, found } = readOption(before, knownSpellings(options))
  return value === undefined && found?.option.type === 'boolean' && !found.isNegative && VALUES.has(word)
}

/** Results of `knownSpellings`, cached because a shell needs them for every line. */
const spellings = new WeakMap<object, ReadonlyMap<string, Known>>()

/** Returns all ways to write options. An option's own name takes precedence over the negation of another. */
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

/** Finds the option that a word contains, if any. `written` is its name with dashes, `value` the text after `=`. */
function readOption(word: string, known: ReadonlyMap<string, Known>) {
  const [, name = '', value] = /^(-[A-Za-z]|--[A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word) ?? []
  const written = name.replaceAll('_', '-')
  return { written, value, found: known.get(written) }
}

/**
 * Returns true if a boolean option is switched on. If the next word is its value, removes it from `rest`.
 *
 * @throws VdcError USAGE, VALUE_REFUSED (`originalSpelling`).
 */
function isSwitchedOn(written: string, assigned: string | undefined, known: Known, rest: string[]): boolean {
  const { name, option, isNegative } = known
  const next = assigned === undefined ? rest[0] : undefined
  const value = assigned ?? (next !== undefined && VALUES.has(next) ? rest.shift() : undefined)
  if (isNegative && value !== undefined) {
    throw new VdcError(
      'USAGE',
      `${written} takes no value, but ${assigned === undefined ? 'is followed by' : 'has the value'} '${value}'`,
      {
        hint: `Write --${name} or --no-${name}; put an ID such as '${value}' before the options`,
      },
    )
  }
  if (value === undefined && next !== undefined && (option.allowNo || isNegative) && MISLEADING.test(next)) {
    throw new VdcError('USAGE', `${written} must be true or false; not '${next}'`, {
      hint: `Write --${name} or --no-${name}; put an ID such as '${next}' before the options`,
    })
  }
  if (value === undefined) return !isNegative
  const isOn = VALUES.get(value)
  if (isOn === undefined) throw new VdcError('VALUE_REFUSED', `${written} must be true or false; not '${value}'`)
  return isOn
}

/**
 * Replaces a field's name at the start of a VALUE_REFUSED message by the name of its option:
 * `created_after 'x' is not a valid time` becomes `--created-after 'x' is not a valid time`.
 * Returns other errors unchanged.
 *
 * @param options options of the command, by name without dashes.
 */
export function namingOption(error: VdcError, options: Readonly<Record<string, unknown>>): VdcError {
  const [field, name] = /^([a-z][a-z0-9_]*)(?:\.\d+)? /.exec(error.message) ?? []
  const option = name?.replaceAll('_', '-')
  if (error.code !== 'VALUE_REFUSED' || option === undefined || !Object.hasOwn(options, option)) return error
  const message = `--${option} ${error.message.slice(field?.length)}`
  return new VdcError(error.code, message, { hint: error.hint, cause: error })
}
