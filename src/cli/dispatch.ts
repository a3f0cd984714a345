import { type Config, loadHelpClass } from '@oclif/core'
import { VdcError } from '../errors.ts'
import { FOREIGN_NOUNS, foreignNoun, notWhole, wholeNames } from './command-names.ts'
import { writeOut } from './output.ts'
import { runCommand } from './run-command.ts'
import { sharedRegistry } from './shared-registry.ts'
import { originalSpelling } from './spelling.ts'
import { hasFlag } from './words.ts'

/** What runs where no command is named. */
export const SHELL = 'shell'
/** What ends a shell. */
export const ENDS = ['exit', 'quit']

/**
 * Runs the command that the words name, or shows help.
 *
 * @param typed the words after the program's name, or of a line of the shell.
 * @throws VdcError USAGE when there is no such command. What goes wrong in a
 *   command it tells itself, and sets the process's exit code.
 */
export async function dispatch(typed: readonly string[], config: Config): Promise<void> {
  if (typed[0] === '--version' || typed[0] === '-v') {
    await writeOut(`${config.userAgent}\n`)
    return
  }
  if (beginsShell(config, typed) && !asksForHelp(config, typed)) {
    await runCommand(config, SHELL, typed)
    return
  }
  const { words, isHelp } = await whole(config, typed)
  if (isHelp || asksForHelp(config, words)) return showHelp(config, words)
  const names = leadingNames(words)
  const command = findCommand(config, names)
  if (command !== undefined) {
    await runCommand(config, command.id, words.slice(command.length))
    return
  }
  if (names.length > 0 && isTopic(config, names) && names.length === words.length) return showHelp(config, words)
  throw await unknownCommand(config, names, words)
}

/**
 * The words with the whole names of what they begin with.
 *
 * @throws VdcError USAGE for a name that is short for several, or of the original's vdc-manage.
 */
async function whole(config: Config, typed: readonly string[]): Promise<{ words: string[]; isHelp: boolean }> {
  const leading = leadingNames(typed)
  const { names, isHelp, candidates } = wholeNames(config, leading)
  const noun = names[0] as string
  const isForeign = (name: string) => FOREIGN_NOUNS.includes(name)
  if (isForeign(noun) || (candidates.length > 0 && candidates.every(isForeign))) {
    const { nearestCommand } = await import('./nearest-command.ts')
    throw foreignNoun(noun, nearestCommand(config, [noun], 0, []))
  }
  const known = names.findIndex((_, at) => !isTopic(config, names.slice(0, at + 1)))
  const [word = '', next = ''] = names.slice(known)
  // `backup object` is no short name, but a whole one with a space in it.
  if (candidates.length > 0 && !candidates.includes(word + next))
    throw notWhole(names.slice(0, known), word, candidates)
  return { words: [...names, ...typed.slice(leading.length)], isHelp }
}

/** Says whether there is no command, at most options of the shell: then the shell it is. */
function beginsShell(config: Config, typed: readonly string[]): boolean {
  if (typed[0]?.startsWith('-') === false) return false
  // A boolean may have its value behind it, which is no command.
  const words = originalSpelling(typed, config.findCommand(SHELL)?.flags ?? {})
  return words.every(
    (word, at) =>
      optionOf(config, SHELL, word) !== undefined || (isValue(config, SHELL, words, at) && !word.startsWith('--')),
  )
}

/** Says whether `--help` or `-h` is among the words, and not as the value of an option. */
function asksForHelp(config: Config, words: readonly string[]): boolean {
  if (!hasFlag(words, '--help') && !hasFlag(words, '-h')) return false
  const command = findCommand(config, leadingNames(words))?.id ?? SHELL
  const end = words.indexOf('--')
  return words
    .slice(0, end === -1 ? undefined : end)
    .some((word, at) => (word === '--help' || word === '-h') && !isValue(config, command, words, at))
}

/** Says whether a word is the value of the option before it. */
function isValue(config: Config, command: string, words: readonly string[], at: number): boolean {
  const before = words[at - 1]
  return before !== undefined && !before.includes('=') && optionOf(config, command, before)?.type === 'option'
}

/** The option of a command that a word spells, with or without its value. */
function optionOf(config: Config, command: string, word: string) {
  // Of several in one word, such as -ef, the last may take a value.
  const short = /^-[A-Za-z]*([A-Za-z])$/.exec(word)?.[1]
  const spelt = short === undefined ? word.replace(/=.*$/s, '').replaceAll('_', '-') : `-${short}`
  return Object.values(config.findCommand(command)?.flags ?? {}).find(({ name, char, aliases = [] }) =>
    [`-${char}`, ...[name, ...aliases].map((each) => `--${each}`)].includes(spelt),
  )
}

/** Shows the help of the command or topic that the words name, or of the program. */
async function showHelp(config: Config, words: string[]): Promise<void> {
  const names = leadingNames(words)
  if (names.length > 0 && findCommand(config, names) === undefined && !isTopic(config, names)) {
    throw await unknownCommand(config, names, words)
  }
  const Help = await loadHelpClass(config)
  await new Help(config, config.pjson.oclif.helpOptions).showHelp(words)
}

/** The words before the first option. */
function leadingNames(words: readonly string[]): string[] {
  const end = words.findIndex((word) => word.startsWith('-'))
  return words.slice(0, end === -1 ? undefined : end)
}

/** The command with the longest name that the words begin with; `length` is the number of words in it. */
function findCommand(config: Config, names: readonly string[]): { id: string; length: number } | undefined {
  for (let length = names.length; length > 0; length--) {
    const id = names.slice(0, length).join(':')
    if (config.findCommand(id) !== undefined) return { id, length }
  }
  return undefined
}

function isTopic(config: Config, names: readonly string[]): boolean {
  return config.findTopic(names.join(':')) !== undefined
}

/** The refusal of words that name no command; the command that they may be meant for is its hint. */
async function unknownCommand(config: Config, names: readonly string[], words: readonly string[]): Promise<VdcError> {
  let known = names.length
  while (known > 0 && !isTopic(config, names.slice(0, known))) known--
  const topic = names.slice(0, known).map((name) => `${name} `)
  const hint = `vdc-manage ${topic.join('')}--help lists the commands`
  if (known === names.length) return optionBefore(config, known, words, hint)
  const { commandOfFile, nearestCommand } = await import('./nearest-command.ts')
  const ofFile = commandOfFile(config, names, known)
  if (ofFile !== undefined) {
    return new VdcError('USAGE', `There is no command '${typed(names, known, undefined)}'`, {
      hint: `Did you mean ${ofFile}? ${hint}`,
    })
  }
  const others = ['help', 'version', ...(sharedRegistry() === undefined ? [] : ENDS)]
  const near = nearestCommand(config, names, known, others)
  const meant = near === 'version' ? '--version' : near
  return new VdcError('USAGE', `There is no command '${typed(names, known, meant)}'`, {
    hint: meant === undefined ? hint : `Did you mean ${meant}? ${hint}`,
  })
}

/** The words that name no command: those that a command was found for, else those up to the first unknown one. */
function typed(names: readonly string[], known: number, meant: string | undefined): string {
  const length = Math.max(known + 1, meant?.split(' ').length ?? 0)
  return names.slice(0, length).join(' ')
}

async function optionBefore(config: Config, at: number, words: readonly string[], hint: string): Promise<VdcError> {
  const option = words[at] as string
  const { nearest } = await import('../nearest.ts')
  // Where it is all that there is, it is one of the program's own.
  const ofShell = Object.values(config.findCommand(SHELL)?.flags ?? {})
  const own = ['help', 'version', ...ofShell.flatMap(({ name, aliases = [] }) => [name, ...aliases])].map(
    (name) => `--${name}`,
  )
  const meant = at === 0 ? nearest(option.replace(/=.*$/s, ''), own) : undefined
  if (meant !== undefined && !own.includes(option)) {
    return new VdcError('USAGE', `Unknown option: ${option}`, { hint: `Did you mean ${meant}? ${hint}` })
  }
  return new VdcError('USAGE', `The option ${option} stands before the command`, {
    hint: `Options go after the command; ${hint}`,
  })
}
