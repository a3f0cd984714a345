import { Errors } from '@oclif/core'
import { asVdcError, VdcError } from '../../core/errors.ts'
import { type JsonForm, renderJson } from '../answer/json.ts'
import { ACCOUNT_VARIABLE } from '../flags/default-account.ts'
import type { Item } from '../help/describe.ts'
import { paint } from '../terminal/color.ts'
import { printable } from '../terminal/escape.ts'
import { isHoldingAll, writeErr, writeNote, writeOut } from '../terminal/output.ts'

/** How to report an error. */
export interface ReportOptions {
  /** Form of JSON on stdout, instead of text on stderr. Ignored while output is held back, because an error discards it. */
  json?: JsonForm | undefined
  /** Print the stack and the causes to stderr. */
  debug: boolean
  /** The command as it is typed, for the hint of a usage error. */
  command?: string
  /** The command's options by name; usage errors mention their aliases. */
  flags?: Flags
  /** The command's arguments, if they differ from oclif's. */
  operands?: readonly Item[] | undefined
}

/** The properties of options that errors mention. */
type Flags = Readonly<Record<string, { hidden?: boolean; allowNo?: boolean; aliases?: string[] }>>

let interceptor: ((error: VdcError) => boolean) | undefined

/** Passes errors to `take` before they are reported. Errors for which it returns true are not reported. */
export function interceptErrors(take: ((error: VdcError) => boolean) | undefined): void {
  interceptor = take
}

/** Reports an error and sets the process's exit code to the error's. */
export async function reportError(thrown: unknown, options: ReportOptions): Promise<void> {
  const error = thrown instanceof Errors.CLIError ? await usageError(thrown, options) : asVdcError(thrown)
  if (interceptor?.(error)) return
  process.exitCode = error.exit
  if (options.debug && error.code !== 'USAGE') await writeErr(describeStack(error))
  const answered =
    options.json && !isHoldingAll() && (await writeOut(`${renderJson(error, options.json)}\n`).catch(() => false))
  if (!answered) await writeNote(errorText(error))
}

/** Returns the lines that report an error: what went wrong, details and the hint, if there are any. */
export function errorText(error: VdcError): string {
  const text =
    error.exit === 1 && error.code === 'INTERNAL_ERROR'
      ? `${error.message} (a bug in vdc-manage; for details, use --debug)`
      : error.message
  const title = paint(process.stderr, 'red', 'Error:')
  const way = error.hint === undefined ? '' : `\n${paint(process.stderr, 'cyan', 'Hint:')} ${printable(error.hint)}`
  const details = (error.details ?? []).map((line) => `\n  ${printable(line)}`).join('')
  return `${title} ${printable(text)}${details}${way}`
}

/** Returns the line of a warning. */
export function warningText(text: string): string {
  return `${paint(process.stderr, 'yellow', 'Warning:')} ${printable(text)}`
}

function describeStack(error: Error): string {
  const lines = [error.stack ?? String(error)]
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
    lines.push(`caused by: ${cause.stack ?? cause.message}`)
  return lines.join('\n').split('\n').map(printable).join('\n')
}

/** The properties of oclif's errors that are used. */
interface ParseError extends Errors.CLIError {
  args?: { name: string }[] | string[]
  flags?: string[]
  /** The command's options by name. */
  parse?: { input?: { flags?: Flags } }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: oclif writes these if stderr has colours
const DIMMED = /\u001b\[22?m/g

/** Turns an error of oclif's parser into one of ours, in one line. An invalid value is VALUE_REFUSED, not USAGE. */
async function usageError(error: ParseError, { command, flags = {}, operands }: ReportOptions): Promise<VdcError> {
  const lines = error.message
    .replace(DIMMED, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^See more help|^The following errors? occurred:$/.test(line))
  const message = lines.join('; ')
  const invalid = await invalidValue(message, error)
  if (invalid !== undefined) return invalid
  const names = (error.args ?? []).map((arg) => (typeof arg === 'string' ? arg : arg.name.toUpperCase())).join(', ')
  const usage = (text: string, meant?: string) => {
    const hint = `See: vdc-manage ${command ? `${command} ` : ''}--help`
    return new VdcError('USAGE', text, { hint: meant === undefined ? hint : `${meant} ${hint}`, cause: error })
  }
  if (message.startsWith('Missing') && names !== '')
    return usage(`Missing argument: ${operands?.map(([term]) => term).join(', ') ?? names}`)
  if (message.startsWith('Unexpected argument'))
    return usage(`Unexpected argument: ${names}`, accountMeant(names, flags))
  if (message.startsWith('Nonexistent flag')) {
    const unknown = [...new Set(error.flags ?? [])]
    return usage(`Unknown option: ${unknown.join(', ')}`, await optionsMeant(unknown, error))
  }
  const exclusive = /^(--[\w-]+)=\S+ cannot also be provided when using (--[\w-]+)/.exec(message)
  if (exclusive) return usage(`${exclusive[1]} and ${exclusive[2]} cannot be used together`)
  const needed = /^All of the following must be provided when using (--[\w-]+): (.*)$/.exec(message)
  if (needed) return usage(`${needed[1]} requires ${needed[2]}`)
  const twice = /^Flag --(\S+) can only be specified once/.exec(message)?.[1]
  if (twice !== undefined) {
    const others = (flags[twice]?.aliases ?? []).map((name) => `--${name}`).join(', ')
    const also = others === '' ? '' : ` (also written ${others})`
    return usage(`Option --${twice}${also} is given more than once`)
  }
  return usage(...missingOptions(message))
}

/** Returns the text for missing options, with the way out if one is the owner; other messages in our words. */
function missingOptions(message: string): [text: string, meant: string | undefined] {
  const missing = Array.from(message.matchAll(/Missing required flag ([\w-]+)/g), ([, name]) => `--${name}`)
  const isSeveral = missing.length > 1 && missing.length === message.split('; ').length
  const text = isSeveral
    ? `Missing options ${missing.join(', ')}`
    : message.replaceAll('Missing required flag ', 'Missing option --').replace(/^Flag --/, 'Option --')
  if (!missing.includes('--account-id')) return [text, undefined]
  const what = missing.length > 1 ? '--account-id' : 'it'
  return [text, `Set ${what}, or the environment variable ${ACCOUNT_VARIABLE}.`]
}

/** Returns the question whether an unexpected argument is meant as --account-id; undefined if it cannot be. */
function accountMeant(argument: string, flags: Flags): string | undefined {
  const isAccount = flags['account-id'] !== undefined && /^a-\w+$/.test(argument)
  return isAccount ? `Did you mean --account-id ${argument}?` : undefined
}

/** Returns the error for a value that an option or argument does not accept; undefined for other messages. */
async function invalidValue(message: string, cause: ParseError): Promise<VdcError | undefined> {
  const refusal = async (text: string, value: string, values: string) => {
    const hint = didYouMean([await nearestOf(value, values.split(', '))])
    return new VdcError('VALUE_REFUSED', text, { hint, cause })
  }
  const option = /^Expected (--\S+?)=(.*) to be one of: (.*)$/s.exec(message)
  if (option) {
    const [, name, value = '', values = ''] = option
    return refusal(`${name} must be one of: ${values}; not '${value}'`, value, values)
  }
  const argument = /^Expected (.*) to be one of: (.*)$/s.exec(message)
  if (argument) {
    const [, value = '', values = ''] = argument
    return refusal(`The argument must be one of: ${values}; not '${value}'`, value, values)
  }
  const number = /^Parsing (--\S+); Expected an integer but received: (.*)$/s.exec(message)
  if (number === null) return undefined
  return new VdcError('VALUE_REFUSED', `${number[1]} must be a whole number; not '${number[2]}'`, { cause })
}

/** The names of options in similar programs, and the options that may be meant. */
const OTHER_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  o: ['format'],
  output: ['format'],
  f: ['force', 'format'],
  j: ['json'],
  filter: ['name', 'label'],
}
/** Options that confirm a prompt. */
const CONFIRMATIONS = ['y', 'yes']

/** Suggests the options that unknown ones may stand for; undefined if none is similar. */
async function optionsMeant(unknown: readonly string[], { parse }: ParseError): Promise<string | undefined> {
  const own = Object.entries(parse?.input?.flags ?? {}).flatMap(([name, { hidden, allowNo, aliases = [] }]) =>
    hidden ? [] : [name, ...aliases, ...(allowNo ? [`no-${name}`] : [])],
  )
  const names = unknown.map((word) => word.replace(/^-+|=.*$/gs, '').replaceAll('_', '-'))
  if (names.every((name) => CONFIRMATIONS.includes(name)))
    return `Omit ${unknown.join(', ')}: this command does not ask for confirmation.`
  const near = await Promise.all(names.map((name) => optionsNear(name, [...own, 'help', 'version'])))
  // --version is an option of the program, not of a command.
  const spelt = (name: string) => (name === 'version' ? 'vdc-manage --version' : `--${name}`)
  return didYouMean(near.map((each) => (each.length === 0 ? undefined : each.map(spelt).join(' or '))))
}

/** Returns the options that `typed` may stand for: by its name in similar programs, by similarity, or as their first word. */
async function optionsNear(typed: string, known: readonly string[]): Promise<readonly string[]> {
  const others = OTHER_OPTIONS[typed]?.filter((name) => known.includes(name)) ?? []
  if (others.length > 0 || typed.length === 1) return others
  const near = await nearestOption(typed, known)
  return near === undefined ? known.filter((name) => typed !== 'no' && name.startsWith(`${typed}-`)) : [near]
}

/** Finds the most similar option, preferably not a negation; else the only one with another word before it, such as `display-name` for `name`. */
async function nearestOption(typed: string, known: readonly string[]): Promise<string | undefined> {
  const { nearest } = await import('../../core/nearest.ts')
  const isNegative = (name: string) => name.startsWith('no-')
  const alike = known.filter((name) => isNegative(name) === isNegative(typed))
  const longer = alike.filter((name) => name.replace(/^[^-]+-/, '') === typed)
  return nearest(typed, alike) ?? nearest(typed, known) ?? (longer.length === 1 ? longer[0] : undefined)
}

async function nearestOf(typed: string, known: readonly string[]): Promise<string | undefined> {
  return (await import('../../core/nearest.ts')).nearest(typed, known)
}

function didYouMean(meant: readonly (string | undefined)[]): string | undefined {
  const found = [...new Set(meant.filter((word) => word !== undefined))]
  return found.length === 0 ? undefined : `Did you mean ${found.join(' and ')}?`
}
