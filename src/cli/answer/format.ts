import { Flags } from '@oclif/core'
import { VdcError } from '../../core/errors.ts'
import { COMMON } from '../help/groups.ts'
import { wordsBefore } from '../start/argv.ts'
import type { JsonForm } from './json.ts'

/** Output formats. `value` prints only the cells, separated by tabs, one row per line. */
const FORMATS = ['table', 'json', 'ndjson', 'csv', 'yaml', 'value'] as const
/** An output format. */
export type Format = (typeof FORMATS)[number]

/** Formats whose rows are printed as they arrive from the database. */
const STREAMED: readonly Format[] = ['ndjson', 'csv', 'value']
/** Formats whose errors are JSON on stdout too, and the form of that JSON. */
const JSON_FORMS: Readonly<Partial<Record<Format, JsonForm>>> = { json: 'pretty', ndjson: 'line' }

/** Flags of every command that prints an answer. */
export const answerFlags = {
  format: Flags.string({
    options: [...FORMATS],
    helpGroup: COMMON,
    helpValue: 'FORMAT',
    summary:
      "Output format: table, json, ndjson (one JSON object per line), csv, yaml or value (cells only). csv is for spreadsheets: text that they would run as a formula gets a leading '; value and json are exact. With json and ndjson, errors are JSON too.",
  }),
  json: Flags.boolean({ exclusive: ['format'], helpGroup: COMMON, summary: 'Same as --format json.' }),
  columns: Flags.string({
    char: 'c',
    helpGroup: COMMON,
    helpValue: 'NAME,...',
    multiple: true,
    multipleNonGreedy: true,
    summary: 'Columns to print, in this order, by their JSON keys; "help" lists them.',
  }),
  'no-header': Flags.boolean({ helpGroup: COMMON, summary: 'Omit the header row of table and csv output.' }),
  array: Flags.boolean({
    helpGroup: COMMON,
    summary: 'With json or yaml, print an array even for one item.',
  }),
  relative: Flags.boolean({ helpGroup: COMMON, summary: 'Show times in tables as ages, such as "3 days ago".' }),
}

/** Format and columns of an answer. */
export interface AnswerOptions {
  /** undefined if none was given: then lists are tables, and commands that only change something print nothing. */
  format: Format | undefined
  /** JSON keys, in the order of output; undefined for the default columns. */
  columns: readonly string[] | undefined
  /** Print IDs only. */
  quiet: boolean
  header: boolean
  /** Print JSON and YAML as a list, also of one item. */
  array: boolean
  relative: boolean
}

interface Given {
  format?: string | undefined
  json?: boolean | undefined
  columns?: readonly string[] | undefined
  quiet?: boolean
  array?: boolean
  'no-header'?: boolean
  relative?: boolean
}

/**
 * Derives the answer options from a command's flags.
 *
 * @throws VdcError USAGE if flags contradict each other; VALUE_REFUSED if a column has no name.
 */
export function answerOptions(given: Given): AnswerOptions {
  const format = (given.json ? 'json' : given.format) as Format | undefined
  const columns = given.columns?.flatMap((names) => names.split(',')).map((name) => name.trim())
  if (given.quiet && given.json) throw contradiction('--quiet', '--json')
  if (given.quiet && format !== undefined) throw contradiction('--quiet', '--format')
  if (given.quiet && columns !== undefined) throw contradiction('--quiet', '--columns')
  if (given['no-header'] && ![undefined, 'table', 'csv'].includes(format))
    throw contradiction('--no-header', `--format ${format}`)
  if (given.relative && ![undefined, 'table'].includes(format)) throw contradiction('--relative', `--format ${format}`)
  refuseStrayArray(given, format)
  if (columns?.includes('')) throw new VdcError('VALUE_REFUSED', '--columns must be names separated by commas')
  return {
    format,
    columns,
    quiet: given.quiet ?? false,
    header: !given['no-header'],
    array: given.array ?? false,
    relative: given.relative ?? false,
  }
}

/** @throws VdcError USAGE for `--array` with a format in which one item has no other form than several. */
function refuseStrayArray({ array }: Given, format: Format | undefined): void {
  if (array && format !== 'json' && format !== 'yaml')
    throw new VdcError('USAGE', '--array requires --json or --format yaml')
}

function contradiction(one: string, other: string): VdcError {
  return new VdcError('USAGE', `${one} and ${other} cannot be used together`)
}

/** Returns true if the rows of a format are printed as they arrive. */
export function isStreamed(format: Format): boolean {
  return STREAMED.includes(format)
}

/** Returns true if errors are JSON too in a format. */
export function isJson(format: Format): boolean {
  return JSON_FORMS[format] !== undefined
}

/**
 * Returns the form of JSON that the words ask for; undefined if errors are not JSON. Works on
 * unparsed words, because errors of parsing must be JSON too.
 */
export function jsonAskedFor(argv: readonly string[]): JsonForm | undefined {
  const words = wordsBefore(argv, '--')
  const formats = words.map((word, at) => {
    if (word === '--json') return 'json'
    return word === '--format' ? words[at + 1] : /^--format=(.*)$/s.exec(word)?.[1]
  })
  const format = FORMATS.find((name) => JSON_FORMS[name] !== undefined && formats.includes(name))
  return format && JSON_FORMS[format]
}

/** Returns true if the words contain `--columns help`. */
export function asksForColumns(argv: readonly string[]): boolean {
  const words = wordsBefore(argv, '--')
  return words.some(
    (word, at) =>
      ['--columns=help', '-c=help', '-chelp'].includes(word) ||
      (['--columns', '-c'].includes(word) && words[at + 1] === 'help'),
  )
}
