import type { Command } from '@oclif/core'
import type { Kind } from '../../registry/rules/identifiers.ts'
import type { SuggestedId } from '../../registry/suggest-ids.ts'
import { isValueOfBoolean } from '../command/original-spelling.ts'
import { HELP_TOPICS } from '../help/topics.ts'
import { type Commands, nextNames, wholeNames } from '../start/command-names.ts'
import { isUnsafe } from '../terminal/escape.ts'
import { knownValues } from './known-values.ts'

/*
 * Completion of words, for the program's own shell and for those of the system. Commands are read
 * from the manifest, so almost nothing is loaded.
 */

/** The command that runs if none is named. */
const SHELL = 'shell'
/** The kind of item that commands of a topic take IDs of. */
const KIND_OF_TOPIC: Readonly<Record<string, Kind>> = {
  account: 'account',
  image: 'image',
  backupobject: 'backupObject',
  backupstorage: 'backupStorage',
}
/** The kind of item that an option takes an ID of, by the name of its value in help. */
const KIND_OF_VALUE: Readonly<Record<string, Kind>> = {
  'a-ID': 'account',
  'wmi-ID': 'image',
  'bo-ID': 'backupObject',
  'bkst-ID': 'backupStorage',
}
/** The option that takes a new ID, so that existing IDs do not fit, in commands that add something. */
const NEW_ID = 'uuid'
const ADDING = /:(?:add|build)(?=:|$)/
/** Commands that take IDs of deleted items. */
const OF_DELETED = ['image:undelete', 'image:purge']
/** Commands that take IDs in place of files: the start of their names, and of the IDs; and whether they take display names. */
const KIND_BESIDE_FILES = [
  { start: 'image:add', prefix: 'bo-', kind: 'backupObject', names: false },
  { start: 'image:check', prefix: 'wmi-', kind: 'image', names: true },
  { start: 'image:try', prefix: 'wmi-', kind: 'image', names: true },
] as const
/** Options that take several names in one word. */
const LISTS = ['columns', 'sort']
/** Names of values and arguments that are paths of files. */
const FILES = ['PATH', 'FILE', 'FOLDER', 'path', 'out', 'iso', 'file', 'folder']

/** Options that take an ID, but no name. */
const WITHOUT_NAMES = [NEW_ID, 'image-id']

/** A word that matches, and its description, if there is one. */
export interface Candidate {
  value: string
  about?: string | undefined
}

/** The possible completions of a word. */
export interface Candidates {
  words: readonly Candidate[]
  /** True if the path of a file is expected. */
  files: boolean
}

/** Returns IDs with their names, and names with their IDs. */
export function candidatesOf(ids: readonly SuggestedId[], names: readonly SuggestedId[]): Candidate[] {
  return [
    ...ids.map(({ id, name }) => ({ value: id, about: name ?? undefined })),
    // A line cannot contain control characters.
    ...names.flatMap(({ id, name }) => (name === null || isUnsafe(name) ? [] : [{ value: name, about: id }])),
  ]
}

/** Looks up the IDs, the display names or both of a kind of item that start with `typed`. */
export type FindIds = (
  kind: Kind,
  life: 'alive' | 'deleted' | 'all',
  typed: string,
  which?: 'ids' | 'names' | 'both',
) => Promise<Candidate[]>

/**
 * Returns the possible completions of a word: commands, options, their values and IDs.
 *
 * @param before the words before it, without the program's name.
 * @param typed the word so far.
 * @returns all candidates that start with `typed`, without duplicates.
 */
export async function candidatesFor(
  commands: Commands,
  findIds: FindIds,
  before: readonly string[],
  typed: string,
): Promise<Candidates> {
  const { words, files } = await expected(commands, findIds, before, typed)
  const fitting = words.map((word) => ({ ...word, value: spelt(word.value, typed) }))
  const byValue = new Map(fitting.filter(({ value }) => value.startsWith(typed)).map((word) => [word.value, word]))
  return { words: [...byValue.values()], files }
}

/** Returns an option with `_` in place of `-` if the user types it so: `--account_id`. */
function spelt(option: string, typed: string): string {
  const dashed = /^--[^=]*/.exec(option)?.[0]
  if (dashed === undefined || !/^--[^=]*_/.test(typed)) return option
  return `--${dashed.slice(2).replaceAll('-', '_')}${option.slice(dashed.length)}`
}

const HELP: Candidate = { value: 'help', about: 'Show help.' }
const NOTHING: Candidates = { words: [], files: false }
const words = (all: readonly Candidate[]): Candidates => ({ words: all, files: false })

async function expected(
  commands: Commands,
  findIds: FindIds,
  given: readonly string[],
  typed: string,
): Promise<Candidates> {
  const before = withWholeNames(commands, given)
  const isHelp = before[0] === HELP.value
  const names = isHelp ? before.slice(1) : before
  const next = namesAfter(commands, names)
  if (isHelp) return words(names.length === 0 ? [...next, ...helpTopics()] : next)
  const command = commandOf(commands, names) ?? (before[0]?.startsWith('-') ? commands.findCommand(SHELL) : undefined)
  if (command === undefined) {
    if (before.length > 0) return words(next)
    return words(typed.startsWith('-') ? optionsOfProgram(commands) : [...next, HELP])
  }
  const ofOptions = before.includes('--') ? undefined : await expectedOption(findIds, command, before, typed)
  if (ofOptions !== undefined) return ofOptions
  const args = await argumentsOf(findIds, command, numberOfArguments(command, before), typed)
  return { ...args, words: [...next, ...args.words] }
}

/** Returns the options that can be given, or the values of the one before the word or in it; undefined if it is an argument. */
async function expectedOption(
  findIds: FindIds,
  command: Command.Loadable,
  before: readonly string[],
  typed: string,
): Promise<Candidates | undefined> {
  const option = optionNamed(command, before.at(-1))
  if (option?.type === 'option') return valuesOf(findIds, command, option, typed)
  const assigned = /^(--[^=]+=)(.*)$/s.exec(typed)
  if (assigned === null) return typed.startsWith('-') ? words(optionsOf(command, before)) : undefined
  const [, start = '', value = ''] = assigned
  const assignee = optionNamed(command, start.slice(0, -1))
  const values = assignee === undefined ? NOTHING : await valuesOf(findIds, command, assignee, value)
  return { ...values, words: values.words.map((word) => ({ ...word, value: start + word.value })) }
}

/** Returns the words with abbreviated names completed. If one of them is `help`, it is moved to the front. */
function withWholeNames(commands: Commands, before: readonly string[]): readonly string[] {
  const end = before.findIndex((word) => word.startsWith('-'))
  const { names, isHelp } = wholeNames(commands, before.slice(0, end === -1 ? undefined : end))
  return [...(isHelp ? [HELP.value] : []), ...names, ...(end === -1 ? [] : before.slice(end))]
}

function helpTopics(): Candidate[] {
  return Object.entries(HELP_TOPICS).map(([value, { summary }]) => ({ value, about: summary }))
}

/** Returns the words that can follow in the names of commands, with their descriptions. */
function namesAfter(commands: Commands, names: readonly string[]): Candidate[] {
  return nextNames(commands, names).map((value) => {
    const id = [...names, value].join(':')
    const about = commands.findCommand(id)?.summary ?? commands.topics.find(({ name }) => name === id)?.description
    return { value, about }
  })
}

function commandOf(commands: Commands, names: readonly string[]): Command.Loadable | undefined {
  for (let length = names.length; length > 0; length--) {
    const command = commands.findCommand(names.slice(0, length).join(':'))
    if (command !== undefined && command.hidden !== true) return command
  }
  return undefined
}

type Option = Command.Loadable['flags'][string]

function optionNamed(command: Command.Loadable, word: string | undefined): Option | undefined {
  const dashed = word?.replaceAll('_', '-')
  return Object.values(command.flags).find(
    ({ name, char, aliases = [] }) =>
      dashed === `-${char}` || [name, ...aliases].some((each) => dashed === `--${each}`),
  )
}

/** Returns the options that can be given without a command: those of the program and of the shell. */
function optionsOfProgram(commands: Commands): Candidate[] {
  const shell = commands.findCommand(SHELL)
  return [{ value: '--version', about: 'Show the version.' }, ...(shell === undefined ? [] : optionsOf(shell, []))]
}

function optionsOf(command: Command.Loadable, before: readonly string[]): Candidate[] {
  const given = (option: Option) => before.some((word) => optionNamed(command, word.replace(/=.*$/s, '')) === option)
  return [
    ...Object.values(command.flags)
      .filter((option) => option.hidden !== true)
      .filter((option) => (option.type === 'option' && option.multiple === true) || !given(option))
      .flatMap((option) => {
        const about = option.summary ?? option.description
        const not = option.type === 'boolean' && option.allowNo ? [`--no-${option.name}`] : []
        return [`--${option.name}`, ...not].map((value) => ({ value, about }))
      }),
    { ...HELP, value: '--help' },
  ]
}

async function valuesOf(
  findIds: FindIds,
  command: Command.Loadable,
  option: Option,
  typed: string,
): Promise<Candidates> {
  if (option.type !== 'option') return NOTHING
  const values = option.options ?? (await knownValues(command.id, option.name))
  const delimiter = LISTS.includes(option.name) ? ',' : option.delimiter
  if (values !== undefined) return words(listed(values, delimiter, typed))
  const helpValue = String(option.helpValue)
  if (FILES.includes(helpValue)) return { words: [], files: true }
  const kind = KIND_OF_VALUE[helpValue]
  if (kind === undefined || (option.name === NEW_ID && ADDING.test(command.id))) return NOTHING
  return words(await findIds(kind, 'alive', typed, WITHOUT_NAMES.includes(option.name) ? 'ids' : 'both'))
}

/** Completes the values of an option. If it takes several in one word, completes the last one; earlier ones may end in :asc or :desc. */
function listed(options: readonly string[], delimiter: string | undefined, typed: string): Candidate[] {
  const start = delimiter === undefined ? '' : typed.slice(0, typed.lastIndexOf(delimiter) + 1)
  const before = delimiter === undefined ? [] : start.split(delimiter).map((word) => word.replace(/:(asc|desc)$/, ''))
  return options.filter((option) => !before.includes(option)).map((option) => ({ value: start + option }))
}

function numberOfArguments(command: Command.Loadable, before: readonly string[]): number {
  const end = before.indexOf('--')
  const isOption = (word: string, at: number) =>
    (end === -1 || at < end) &&
    (word.startsWith('-') ||
      optionNamed(command, before[at - 1])?.type === 'option' ||
      isValueOfBoolean(before[at - 1] ?? '', word, command.flags))
  const given = before.filter((word, at) => at !== end && !isOption(word, at)).length
  return given - command.id.split(':').length
}

/** @param given the number of arguments before. */
async function argumentsOf(
  findIds: FindIds,
  command: Command.Loadable,
  given: number,
  typed: string,
): Promise<Candidates> {
  const all = Object.values(command.args)
  const last = all.at(-1) as (Command.Arg.Cached & { multiple?: boolean }) | undefined
  const argument = all[given] ?? (last?.multiple ? last : undefined)
  if (argument === undefined) return NOTHING
  if (argument.options !== undefined) return words(argument.options.map((value) => ({ value })))
  const topic = command.id.split(':')[0] as string
  if (FILES.includes(argument.name)) return { words: await besideFiles(findIds, command.id, typed), files: true }
  if (argument.name === 'backup_object_id') return words(await findIds('backupObject', 'alive', typed))
  const kind = KIND_OF_TOPIC[topic]
  if (argument.name !== 'id' || kind === undefined) return NOTHING
  if (command.id === 'image:history') {
    // Deleted items have a history too.
    return words([...(await findIds(kind, 'all', typed)), ...(await findIds('backupObject', 'all', typed, 'ids'))])
  }
  return words(await findIds(kind, OF_DELETED.includes(command.id) ? 'deleted' : 'alive', typed))
}

/** Returns the IDs that a command accepts in place of files, after their prefix is typed, and names after anything else is. */
async function besideFiles(findIds: FindIds, command: string, typed: string): Promise<Candidate[]> {
  const taken = KIND_BESIDE_FILES.find(({ start }) => command.startsWith(start))
  if (taken === undefined || typed === '') return []
  if (typed.startsWith(taken.prefix)) return findIds(taken.kind, 'alive', typed, 'ids')
  return taken.names ? findIds(taken.kind, 'alive', typed, 'names') : []
}
