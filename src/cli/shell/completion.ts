import { readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, Config } from '@oclif/core'
import type { Kind } from '../../registry/identifiers.ts'
import { SHELL } from '../dispatch.ts'
import { printable } from '../printable.ts'
import type { SharedRegistry } from '../shared-registry.ts'
import { splitLine } from './words.ts'

/** The kind of thing that a command of a topic names by its id. */
const KIND_OF_TOPIC: Readonly<Record<string, Kind>> = {
  account: 'account',
  image: 'image',
  backupobject: 'backupObject',
  backupstorage: 'backupStorage',
}
/** What the value of an option is, by its name in the help. */
const KIND_OF_VALUE: Readonly<Record<string, Kind>> = {
  'a-ID': 'account',
  'wmi-ID': 'image',
  'bo-ID': 'backupObject',
  'bkst-ID': 'backupStorage',
}
/** Commands that make what their option --uuid names, so that no known id fits. */
const NEW_ID = 'uuid'
const FILES = ['PATH', 'FILE']
/** Milliseconds after which nobody waits for candidates, as from a database that does not answer. */
const PATIENCE = 1500
const BUILT_IN = ['exit', 'help', 'quit']

/**
 * Completes what is typed in the shell: commands, options, their values, ids
 * from the database and files.
 *
 * @param line up to the cursor, with the lines before it that it goes on from.
 * @returns candidates, and the end of the line that they take the place of, as
 *   Node's readline wants it. Never fails: what can't be looked up has no candidates.
 */
export async function completeLine(config: Config, shared: SharedRegistry, line: string): Promise<[string[], string]> {
  const { words, open } = splitLine(line)
  // What follows a blank begins another word, unless the blank is escaped.
  const isBetween = splitLine(`${line}x`).words.length > words.length
  const last = isBetween ? undefined : words.at(-1)
  const typed = last?.value ?? ''
  const written = last === undefined ? '' : line.slice(last.start)
  const before = (isBetween ? words : words.slice(0, -1)).map(({ value }) => value)
  // A word with quotes stands otherwise in the line than what it means.
  if (open !== undefined || ![typed, escaped(typed)].includes(written)) return [[], written]
  const candidates = await Promise.race([
    candidatesFor(config, shared, before, typed).catch(() => []),
    sleep(PATIENCE, [] as string[], { ref: false }),
  ])
  const dashed = typed.startsWith('--') ? typed.replaceAll('_', '-') : typed
  const fits = (candidate: string) => candidate.startsWith(typed) || candidate.startsWith(dashed)
  const fitting = [...new Set(candidates)].filter(fits).sort()
  const [only] = fitting
  const isWhole = fitting.length === 1 && only !== undefined && !only.endsWith('/') && !only.endsWith('=')
  return [fitting.map((each) => `${written}${escaped(each.slice(typed.length))}${isWhole ? ' ' : ''}`), written]
}

/** A part of a word as it is written without quotes. */
function escaped(text: string): string {
  return text.replace(/[ \t'"\\#]/g, '\\$&')
}

async function candidatesFor(config: Config, shared: SharedRegistry, before: string[], typed: string) {
  const names = before[0] === 'help' ? before.slice(1) : before
  const next = nextNames(config, names)
  const command = commandOf(config, names)
  if (before[0] === 'help') return next
  if (command === undefined) return before.length === 0 ? [...next.filter((name) => name !== SHELL), ...BUILT_IN] : next

  const option = optionNamed(command, before.at(-1))
  if (option?.type === 'option') return valuesOf(shared, command, option, typed)
  const assigned = /^(--[^=]+=)(.*)$/.exec(typed)
  if (assigned !== null) {
    const [, start = '', value = ''] = assigned
    const assignee = optionNamed(command, start.slice(0, -1))
    const values = assignee === undefined ? [] : await valuesOf(shared, command, assignee, value)
    return values.map((each) => start + each)
  }
  if (typed.startsWith('-')) return optionsOf(command, before)
  const isArgument = (word: string, at: number) =>
    !word.startsWith('-') && optionNamed(command, before[at - 1])?.type !== 'option'
  const given = before.filter(isArgument).length - command.id.split(':').length
  return [...next, ...(await argumentsOf(shared, command, given, typed))]
}

/** The words with which the names of commands go on. */
function nextNames(config: Config, names: readonly string[]): string[] {
  const ids = config.commands.flatMap((command) => (command.hidden ? [] : [command.id.split(':')]))
  return ids
    .filter((id) => id.length > names.length && names.every((name, at) => id[at] === name))
    .map((id) => id[names.length] as string)
}

function commandOf(config: Config, names: readonly string[]): Command.Loadable | undefined {
  for (let length = names.length; length > 0; length--) {
    const command = config.findCommand(names.slice(0, length).join(':'))
    if (command !== undefined) return command
  }
  return undefined
}

type Option = Command.Loadable['flags'][string]

function optionNamed(command: Command.Loadable, word: string | undefined): Option | undefined {
  const spelt = word?.replaceAll('_', '-')
  return Object.values(command.flags).find(({ name, char }) => spelt === `--${name}` || spelt === `-${char}`)
}

function optionsOf(command: Command.Loadable, before: readonly string[]): string[] {
  return Object.values(command.flags)
    .filter((option) =>
      option.type === 'option' && option.multiple === true ? true : !before.includes(`--${option.name}`),
    )
    .flatMap((option) => [
      `--${option.name}`,
      ...(option.type === 'boolean' && option.allowNo ? [`--no-${option.name}`] : []),
    ])
}

async function valuesOf(
  shared: SharedRegistry,
  command: Command.Loadable,
  option: Option,
  typed: string,
): Promise<readonly string[]> {
  if (option.type !== 'option') return []
  if (option.options !== undefined) return option.options
  const helpValue = String(option.helpValue)
  if (FILES.includes(helpValue)) return filesFor(typed)
  const kind = KIND_OF_VALUE[helpValue]
  return kind === undefined || (option.name === NEW_ID && command.id.includes('add')) ? [] : idsFor(shared, kind, typed)
}

/** @param given how many arguments stand before. */
async function argumentsOf(
  shared: SharedRegistry,
  command: Command.Loadable,
  given: number,
  typed: string,
): Promise<string[]> {
  const all = Object.values(command.args)
  const last = all.at(-1)
  const argument = all[given] ?? (last?.multiple ? last : undefined)
  if (argument === undefined) return []
  if (argument.name === 'path') return [...(await idsFor(shared, 'backupObject', typed)), ...filesFor(typed)]
  if (argument.name === 'backup_object_id') return idsFor(shared, 'backupObject', typed)
  const kind = KIND_OF_TOPIC[command.id.split(':')[0] as string]
  if (argument.name !== 'id' || kind === undefined) return []
  const ids = await idsFor(shared, kind, typed)
  return command.id === 'image:history' ? [...ids, ...(await idsFor(shared, 'backupObject', typed))] : ids
}

async function idsFor(shared: SharedRegistry, kind: Kind, typed: string): Promise<string[]> {
  const { suggestIds } = await import('../../registry/suggest-ids.ts')
  return suggestIds(await shared.get(), kind, typed)
}

function filesFor(typed: string): string[] {
  const folder = typed.endsWith('/') ? typed : dirname(typed)
  const start = typed.endsWith('/') ? '' : basename(typed)
  const prefix = typed.slice(0, typed.length - start.length)
  const entries = readdirSync(folder === '' ? '.' : folder, { withFileTypes: true })
  return (
    entries
      .filter(({ name }) => name.startsWith(start) && (start.startsWith('.') || !name.startsWith('.')))
      // A line can't hold a newline or the like.
      .filter(({ name }) => printable(name) === name)
      .map((entry) => prefix + entry.name + (entry.isDirectory() ? '/' : ''))
  )
}
