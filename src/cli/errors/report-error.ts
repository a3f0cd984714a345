import { Errors } from '@oclif/core'
import { asVdcError, VdcError } from '../../core/errors.ts'
import { type JsonForm, renderJson } from '../answer/json.ts'
import type { Item } from '../help/describe.ts'
import { paint } from '../terminal/color.ts'
import { printable } from '../terminal/escape.ts'
import { isHoldingAll, writeNote, writeOut } from '../terminal/output.ts'

/** How errors are told. */
export interface ReportOptions {
  /** In which form as JSON on stdout instead of as text on stderr; but not where stdout is kept back, as an error has it dropped. */
  json?: JsonForm | undefined
  /** With stack and causes, on stderr. */
  debug: boolean
  /** The words of the command, for the hint of a usage error. */
  command?: string
  /** Its options by their names, of which a usage error tells the other names. */
  flags?: Flags
  /** Its arguments, if their names are not those of oclif's. */
  operands?: readonly Item[] | undefined
}

/** What of options is told. */
type Flags = Readonly<Record<string, { hidden?: boolean; allowNo?: boolean; aliases?: string[] }>>

let interceptor: ((error: VdcError) => boolean) | undefined

/** Has errors shown to `take` first: those that it takes, by returning true, are not told. */
export function interceptErrors(take: ((error: VdcError) => boolean) | undefined): void {
  interceptor = take
}

/** Tells an error and sets the process's exit code to its own. */
export async function reportError(thrown: unknown, options: ReportOptions): Promise<void> {
  const error = thrown instanceof Errors.CLIError ? await usageError(thrown, options) : asVdcError(thrown)
  if (interceptor?.(error)) return
  process.exitCode = error.exit
  if (options.debug && error.code !== 'USAGE') await writeNote(describeStack(error))
  const answered =
    options.json && !isHoldingAll() && (await writeOut(`${renderJson(error, options.json)}\n`).catch(() => false))
  if (!answered) await writeNote(errorText(error))
}

/** The lines that tell an error: what went wrong and, where there is one, the way out. */
export function errorText(error: VdcError): string {
  const text =
    error.exit === 1 && error.code === 'INTERNAL_ERROR'
      ? `${error.message} (a fault of vdc-manage; --debug shows more)`
      : error.message
  const title = paint(process.stderr, 'red', 'Error:')
  const way = error.hint === undefined ? '' : `\n${paint(process.stderr, 'cyan', 'Hint:')} ${printable(error.hint)}`
  return `${title} ${printable(text)}${way}`
}

/** The line that tells of what is done all the same, and should be known. */
export function warningText(text: string): string {
  return `${paint(process.stderr, 'yellow', 'Warning:')} ${printable(text)}`
}

function describeStack(error: Error): string {
  const lines = [error.stack ?? String(error)]
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
    lines.push(`caused by: ${cause.stack ?? cause.message}`)
  return lines.join('\n').split('\n').map(printable).join('\n')
}

/** What of oclif's errors is used. */
interface ParseError extends Errors.CLIError {
  args?: { name: string }[] | string[]
  flags?: string[]
  /** The options of the command by their names. */
  parse?: { input?: { flags?: Flags } }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what oclif writes where stderr has colours
const DIMMED = /\u001b\[22?m/g

/** What oclif's parser complains of, in one line and our words; a value outside its options is refused, not a usage error. */
async function usageError(error: ParseError, { command, flags = {}, operands }: ReportOptions): Promise<VdcError> {
  const lines = error.message
    .replace(DIMMED, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^See more help|^The following errors? occurred:$/.test(line))
  const message = lines.join('; ')
  const option = /^Expected (--\S+?)=(.*) to be one of: (.*)$/s.exec(message)
  if (option) {
    const [, name, value = '', values = ''] = option
    const hint = didYouMean([await nearestOf(value, values.split(', '))])
    return new VdcError('VALUE_REFUSED', `${name} must be one of: ${values}; not '${value}'`, { hint, cause: error })
  }
  const argument = /^Expected (.*) to be one of: (.*)$/s.exec(message)
  if (argument) {
    const [, value = '', values = ''] = argument
    const hint = didYouMean([await nearestOf(value, values.split(', '))])
    return new VdcError('VALUE_REFUSED', `'${value}' must be one of: ${values}`, { hint, cause: error })
  }
  const number = /^Parsing (--\S+); Expected an integer but received: (.*)$/s.exec(message)
  if (number)
    return new VdcError('VALUE_REFUSED', `${number[1]} must be a whole number; not '${number[2]}'`, { cause: error })

  const names = (error.args ?? []).map((arg) => (typeof arg === 'string' ? arg : arg.name.toUpperCase())).join(', ')
  const usage = (text: string, meant?: string) => {
    const hint = `vdc-manage ${command ? `${command} ` : ''}--help shows how`
    return new VdcError('USAGE', text, { hint: meant === undefined ? hint : `${meant} ${hint}`, cause: error })
  }
  if (message.startsWith('Missing') && names !== '')
    return usage(`Missing argument: ${operands?.map(([term]) => term).join(', ') ?? names}`)
  if (message.startsWith('Unexpected argument')) return usage(`Unexpected argument: ${names}`)
  if (message.startsWith('Nonexistent flag')) {
    const unknown = [...new Set(error.flags ?? [])]
    return usage(`Unknown option: ${unknown.join(', ')}`, await optionsMeant(unknown, error))
  }
  const exclusive = /^(--[\w-]+)=\S+ cannot also be provided when using (--[\w-]+)/.exec(message)
  if (exclusive) return usage(`${exclusive[1]} and ${exclusive[2]} exclude each other`)
  const needed = /^All of the following must be provided when using (--[\w-]+): (.*)$/.exec(message)
  if (needed) return usage(`${needed[1]} needs ${needed[2]}`)
  const twice = /^Flag --(\S+) can only be specified once/.exec(message)?.[1]
  if (twice !== undefined) {
    // It may be given once by each of its names.
    const others = (flags[twice]?.aliases ?? []).map((name) => `--${name}`).join(', ')
    const also = others === '' ? '' : ` (also written ${others})`
    return usage(`Option --${twice}${also} is given more than once`)
  }
  return usage(message.replaceAll('Missing required flag ', 'Missing option --').replace(/^Flag --/, 'Option --'))
}

/** What neighbours of this program call options: those that are meant, where a command has them. */
const OTHER_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  o: ['format'],
  output: ['format'],
  f: ['force', 'format'],
  j: ['json'],
  filter: ['name', 'label'],
}
/** Options that answer a question. */
const ANSWERS = ['y', 'yes']

/** Asks whether the options were meant that are nearest to unknown ones; undefined where none is near. */
async function optionsMeant(unknown: readonly string[], { parse }: ParseError): Promise<string | undefined> {
  const own = Object.entries(parse?.input?.flags ?? {}).flatMap(([name, { hidden, allowNo, aliases = [] }]) =>
    hidden ? [] : [name, ...aliases, ...(allowNo ? [`no-${name}`] : [])],
  )
  const names = unknown.map((word) => word.replace(/^-+|=.*$/gs, '').replaceAll('_', '-'))
  if (names.every((name) => ANSWERS.includes(name))) return `Leave ${unknown.join(', ')} out, nothing is asked here.`
  const near = await Promise.all(names.map((name) => optionsNear(name, [...own, 'help', 'version'])))
  // The version is the program's, not a command's.
  const spelt = (name: string) => (name === 'version' ? 'vdc-manage --version' : `--${name}`)
  return didYouMean(near.map((each) => (each.length === 0 ? undefined : each.map(spelt).join(' or '))))
}

/** The options that one may be meant for: those a neighbour calls so, else the nearest, else those that it is the first word of. */
async function optionsNear(typed: string, known: readonly string[]): Promise<readonly string[]> {
  const others = OTHER_OPTIONS[typed]?.filter((name) => known.includes(name)) ?? []
  if (others.length > 0 || typed.length === 1) return others
  const near = await nearestOption(typed, known)
  return near === undefined ? known.filter((name) => typed !== 'no' && name.startsWith(`${typed}-`)) : [near]
}

/** The nearest option: rather no opposite, else the only one that has one word before it, as `display-name` has for `name`. */
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
