import type { Command } from '@oclif/core'
import { COMMON, HELP_GROUPS } from './groups.ts'

/*
 * Descriptions of commands for help, manual pages and docs/commands. All texts come from the
 * manifest.
 */

/** A term and its explanation. */
export type Item = readonly [term: string, text: string]

/** An option in a list of options. */
interface Option {
  /** Such as `-q, --quiet`. */
  spelling: string
  /** Its other long names. */
  aliases: readonly string[]
  /** The name of its value; undefined for a boolean. */
  value: string | undefined
  summary: string
}

/** A command without its hidden options. */
export interface Description {
  name: string
  usage: string
  summary: string
  /** Paragraphs. */
  description: readonly string[]
  args: readonly Item[]
  /** Its own options, by heading. */
  groups: readonly { title: string; options: readonly Option[] }[]
  /** The options that commands share. */
  common: readonly Option[]
  examples: readonly string[]
  exits: readonly number[]
  /** Its other names. */
  aliases: readonly string[]
}

/** Properties of our commands in the manifest that oclif does not know. */
interface OwnProperties {
  exits?: readonly number[]
  operands?: readonly Item[]
}

/** Describes a command of the program named `bin`. */
export function describe(command: Command.Loadable & OwnProperties, bin: string): Description {
  const name = spaced(command.id)
  const flags = Object.values(command.flags).filter(({ hidden }) => !hidden)
  const args = Object.values(command.args).filter(({ hidden }) => !hidden)
  const groups = HELP_GROUPS.map((title) => ({
    title,
    options: flags.filter(({ helpGroup = 'OPTIONS' }) => helpGroup === title).map(asOption),
  })).filter(({ options }) => options.length > 0)
  const operands = command.operands ?? args.map((arg): Item => [nameOf(arg), arg.description ?? ''])
  const inUsage = command.operands?.map(([term]) => term) ?? args.map(inBrackets)
  return {
    name,
    usage: [bin, name, ...inUsage, ...flags.filter(({ required }) => required).map(spelt), '[OPTION]...'].join(' '),
    summary: command.summary ?? '',
    description: (command.description ?? '').split(/\n{2,}/).filter((paragraph) => paragraph !== ''),
    args: operands,
    groups: groups.filter(({ title }) => title !== COMMON),
    common: groups.find(({ title }) => title === COMMON)?.options ?? [],
    examples: (command.examples ?? []).map((each) =>
      (typeof each === 'string' ? each : each.command).replaceAll('<%= config.bin %>', bin),
    ),
    exits: command.exits ?? [],
    aliases: (command.aliases ?? []).map(spaced),
  }
}

/** Returns the name of a command or topic as it is typed. */
export function spaced(id: string): string {
  return id.replaceAll(':', ' ')
}

type Argument = Command.Arg.Cached & { multiple?: boolean }

function nameOf({ name, multiple }: Argument): string {
  return `${name.toUpperCase()}${multiple ? '...' : ''}`
}

function inBrackets(arg: Argument): string {
  if (arg.required) return nameOf(arg)
  return `[${arg.name.toUpperCase()}]${arg.multiple ? '...' : ''}`
}

function spelt(flag: Command.Flag.Cached): string {
  const { value } = asOption(flag)
  return value === undefined ? `--${flag.name}` : `--${flag.name} ${value}`
}

function asOption(flag: Command.Flag.Cached): Option {
  const long = flag.type === 'boolean' && flag.allowNo ? `--[no-]${flag.name}` : `--${flag.name}`
  const isRepeatable = flag.type === 'option' && flag.multiple && !flag.helpValue?.includes('...')
  const isDefaultKnown = typeof flag.default === 'string' || typeof flag.default === 'number'
  return {
    spelling: flag.char ? `-${flag.char}, ${long}` : long,
    aliases: (flag.aliases ?? []).map((name) => `--${name}`),
    value: flag.type === 'option' ? `${flag.helpValue ?? 'VALUE'}${isRepeatable ? '...' : ''}` : undefined,
    summary: `${flag.summary ?? ''}${isDefaultKnown ? ` Default: ${flag.default}.` : ''}`,
  }
}
