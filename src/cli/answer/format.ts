import { Flags } from '@oclif/core'
import { VdcError } from '../../core/errors.ts'
import { COMMON } from '../help/groups.ts'
import { wordsBefore } from '../start/argv.ts'
import type { JsonForm } from './json.ts'

/** The forms in which a command can answer. */
const FORMATS = ['table', 'json', 'ndjson', 'csv', 'yaml', 'value'] as const
/** `value` is what stands in the cells alone, apart by tabs, a row a line. */
export type Format = (typeof FORMATS)[number]

/** Formats that are written row by row, as the database delivers them. */
const STREAMED: readonly Format[] = ['ndjson', 'csv', 'value']
/** Formats in which errors are JSON as well, on stdout, and its form. */
const JSON_FORMS: Readonly<Partial<Record<Format, JsonForm>>> = { json: 'pretty', ndjson: 'line' }

/** Flags of every command that answers something. */
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
  relative: Flags.boolean({ helpGroup: COMMON, summary: 'Show times in tables as ages, such as "3 days ago".' }),
}

/** How an answer is to be given. */
export interface AnswerOptions {
  /** undefined where none is named: then it is a table, or nothing of what only changes something. */
  format: Format | undefined
  /** Keys of the JSON, in their order; undefined for what is shown without being asked. */
  columns: readonly string[] | undefined
  /** Ids alone. */
  quiet: boolean
  header: boolean
  relative: boolean
}

interface Given {
  format?: string | undefined
  json?: boolean | undefined
  columns?: readonly string[] | undefined
  quiet?: boolean
  'no-header'?: boolean
  relative?: boolean
}

/**
 * Reads the flags of a command into how it answers.
 *
 * @throws VdcError USAGE for flags that do nothing together.
 */
export function answerOptions(given: Given): AnswerOptions {
  const format = (given.json ? 'json' : given.format) as Format | undefined
  const columns = given.columns?.flatMap((names) => names.split(',')).map((name) => name.trim())
  if (given.quiet && (format !== undefined || columns !== undefined)) {
    throw together('--quiet', given.json ? '--json' : format === undefined ? '--columns' : '--format')
  }
  if (given['no-header'] && ![undefined, 'table', 'csv'].includes(format)) throw together('--no-header', format)
  if (given.relative && ![undefined, 'table'].includes(format)) throw together('--relative', format)
  if (columns?.includes('')) throw new VdcError('VALUE_REFUSED', '--columns must be names, with commas between them')
  return {
    format,
    columns,
    quiet: given.quiet ?? false,
    header: !given['no-header'],
    relative: given.relative ?? false,
  }
}

function together(one: string, other: string | undefined): VdcError {
  return new VdcError('USAGE', `${one} and ${other?.startsWith('--') ? other : `--format ${other}`} exclude each other`)
}

/** Says whether rows are written one by one in a format. */
export function isStreamed(format: Format): boolean {
  return STREAMED.includes(format)
}

/** In which form words ask for JSON, so that errors are to be JSON too, also where they can't be parsed; undefined where they don't. */
export function jsonAskedFor(argv: readonly string[]): JsonForm | undefined {
  const words = wordsBefore(argv, '--')
  const formats = words.map((word, at) => {
    if (word === '--json') return 'json'
    return word === '--format' ? words[at + 1] : /^--format=(.*)$/s.exec(word)?.[1]
  })
  const format = FORMATS.find((name) => JSON_FORMS[name] !== undefined && formats.includes(name))
  return format && JSON_FORMS[format]
}

/** Says whether words ask which columns there are. */
export function asksForColumns(argv: readonly string[]): boolean {
  const words = wordsBefore(argv, '--')
  return words.some(
    (word, at) =>
      ['--columns=help', '-c=help', '-chelp'].includes(word) ||
      (['--columns', '-c'].includes(word) && words[at + 1] === 'help'),
  )
}
