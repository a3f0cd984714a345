import { VdcError } from '../../core/errors.ts'
import { withoutSecrets } from '../../core/url.ts'
import { originalSpelling } from '../command/original-spelling.ts'
import { findHelpTopic, HELP_TOPICS } from '../help/topics.ts'
import { writeOut } from '../terminal/output.ts'
import { hasFlag } from './argv.ts'
import { FOREIGN_NOUNS, foreignNoun, notWhole, wholeNames } from './command-names.ts'
import type { Program } from './program.ts'
import { usedParts } from './used-parts.ts'

/** The command that runs if none is named. */
export const SHELL = 'shell'
/** The words that leave a shell. */
export const ENDS = ['exit', 'quit']
/** The word that clears the screen of a shell. */
export const CLEAR = 'clear'
/** Options of every command, which may also come before the command. */
const LEADING_OPTIONS = ['--debug', '--no-color']

/**
 * Runs the command that the words name, or shows help. Commands report their own errors and set the
 * process's exit code.
 *
 * @param typed the words after the program's name, or of a line of the shell.
 * @throws VdcError USAGE if there is no such command.
 */
export async function dispatch(typed: readonly string[], program: Program): Promise<void> {
  if (typed[0] === '--version' || typed[0] === '-v') {
    usedParts.add('version')
    await writeOut(`${program.userAgent}\n`)
    return
  }
  const named = exactCommand(program, typed)
  if (named !== undefined) {
    await program.runCommand(named.id, typed.slice(named.length))
    return
  }
  if (beginsShell(program, typed) && !asksForHelp(program, typed)) {
    await program.runCommand(SHELL, [...typed])
    return
  }
  const leading = typed.findIndex((word) => !LEADING_OPTIONS.includes(word))
  const { words, isHelp } = await withFullNames(program, typed.slice(leading))
  if (isHelp || asksForHelp(program, words)) return showHelp(program, words, isHelp)
  const names = leadingNames(words)
  const command = findCommand(program, names)
  if (command !== undefined) {
    await program.runCommand(command.id, [...typed.slice(0, leading), ...words.slice(command.length)])
    return
  }
  if (names.length > 0 && isTopic(program, names) && names.length === words.length)
    return showHelp(program, words, false)
  throw await unknownCommand(program, names, words)
}

/** Returns the command whose full name begins the words, unless they may ask for help: most commands run without the manifest. */
function exactCommand(program: Program, typed: readonly string[]): { id: string; length: number } | undefined {
  if (typed.includes('--help') || typed.includes('-h')) return undefined
  return longestName(leadingNames(typed), (id) => program.hasCommand(id))
}

/**
 * Completes the abbreviated names at the start of the words.
 *
 * @throws VdcError USAGE if a name is ambiguous, or of the original's vdc-manage.
 */
async function withFullNames(
  program: Program,
  typed: readonly string[],
): Promise<{ words: string[]; isHelp: boolean }> {
  const leading = leadingNames(typed)
  const { names, isHelp, candidates } = wholeNames(program, leading)
  const noun = names[0] as string
  const isForeign = (name: string) => FOREIGN_NOUNS.includes(name)
  if (isForeign(noun) || (candidates.length > 0 && candidates.every(isForeign))) {
    const { nearestCommand } = await import('../suggest/nearest-command.ts')
    throw foreignNoun(noun, nearestCommand(program, [noun], 0, []))
  }
  const known = names.findIndex((_, at) => !isTopic(program, names.slice(0, at + 1)))
  const [word = '', next = ''] = names.slice(known)
  // `backup object` is not an abbreviation, but a full name with a space in it.
  if (candidates.length > 0 && !candidates.includes(word + next))
    throw notWhole(names.slice(0, known), word, candidates)
  return { words: [...names, ...typed.slice(leading.length)], isHelp }
}

/** Returns true if there is no command, only options of the shell. */
function beginsShell(program: Program, typed: readonly string[]): boolean {
  if (typed[0]?.startsWith('-') === false) return false
  // The word after a boolean option may be its value, not a command.
  const words = originalSpelling(typed, program.findCommand(SHELL)?.flags ?? {})
  return words.every(
    (word, at) =>
      optionOf(program, SHELL, word) !== undefined || (isValue(program, SHELL, words, at) && !word.startsWith('--')),
  )
}

/** Returns true if `--help` or `-h` is among the words, other than as the value of an option. */
function asksForHelp(program: Program, words: readonly string[]): boolean {
  if (!hasFlag(words, '--help') && !hasFlag(words, '-h')) return false
  const command = findCommand(program, leadingNames(words))?.id ?? SHELL
  const end = words.indexOf('--')
  return words
    .slice(0, end === -1 ? undefined : end)
    .some((word, at) => (word === '--help' || word === '-h') && !isValue(program, command, words, at))
}

/** Returns true if a word is the value of the option before it. */
function isValue(program: Program, command: string, words: readonly string[], at: number): boolean {
  const before = words[at - 1]
  return before !== undefined && !before.includes('=') && optionOf(program, command, before)?.type === 'option'
}

/** Finds the option of a command in a word; the word may contain the option's value. */
function optionOf(program: Program, command: string, word: string) {
  // In a word such as -ef, the last letter may take a value.
  const short = /^-[A-Za-z]*([A-Za-z])$/.exec(word)?.[1]
  const spelt = short === undefined ? word.replace(/=.*$/s, '').replaceAll('_', '-') : `-${short}`
  return Object.values(program.findCommand(command)?.flags ?? {}).find(({ name, char, aliases = [] }) =>
    [`-${char}`, ...[name, ...aliases].map((each) => `--${each}`)].includes(spelt),
  )
}

/**
 * Shows the help of the command or group of commands that the words name, or of the program.
 *
 * @param isHelp the words follow `help` and may name a help topic.
 * @throws VdcError USAGE if there is no such command, group or topic.
 */
async function showHelp(program: Program, words: readonly string[], isHelp: boolean): Promise<void> {
  const names = leadingNames(words)
  const [name] = names
  const command = findCommand(program, names)?.id
  const topic = isHelp && command === undefined ? findHelpTopic(name) : undefined
  if (topic !== undefined && names[1] !== undefined)
    throw new VdcError('USAGE', `Unexpected argument: ${names[1]}`, { hint: `See: vdc-manage help ${name}` })
  if (name !== undefined && command === undefined && topic === undefined && !isTopic(program, names))
    throw await unknownCommand(program, names, words, isHelp ? Object.keys(HELP_TOPICS) : [])
  usedParts.add('help')
  const help = await import('../help/help.ts')
  if (topic !== undefined) await help.showTopic(topic)
  else await help.showHelp(program, name === undefined ? undefined : (command ?? names.join(':')))
}

/** Returns the words before the first option. */
function leadingNames(words: readonly string[]): string[] {
  const end = words.findIndex((word) => word.startsWith('-'))
  return words.slice(0, end === -1 ? undefined : end)
}

/** Finds the command with the longest name at the start of the words; `length` is the number of words in its name. */
function findCommand(program: Program, names: readonly string[]): { id: string; length: number } | undefined {
  return longestName(names, (id) => program.findCommand(id) !== undefined)
}

function longestName(
  names: readonly string[],
  isCommand: (id: string) => boolean,
): { id: string; length: number } | undefined {
  for (let length = names.length; length > 0; length--) {
    const id = names.slice(0, length).join(':')
    if (isCommand(id)) return { id, length }
  }
  return undefined
}

function isTopic(program: Program, names: readonly string[]): boolean {
  return program.findTopic(names.join(':')) !== undefined
}

/** Returns the USAGE error for an unknown command; its hint suggests a similar one. */
async function unknownCommand(
  program: Program,
  names: readonly string[],
  words: readonly string[],
  helpTopics: readonly string[] = [],
): Promise<VdcError> {
  let known = names.length
  while (known > 0 && !isTopic(program, names.slice(0, known))) known--
  const topic = names.slice(0, known).map((name) => `${name} `)
  const hint = `List the commands with: vdc-manage ${topic.join('')}--help`
  if (known === names.length) return misplacedOption(program, known, words, hint)
  const { commandOfFile, imageCommand, nearestCommand } = await import('../suggest/nearest-command.ts')
  const { otherVerb } = await import('../suggest/other-verbs.ts')
  const others = ['help', 'version', ...helpTopics, ...(program.shared === undefined ? [] : [...ENDS, CLEAR])]
  const near = nearestCommand(program, names, known, others)
  const whole =
    otherVerb(program, names, known) ??
    commandOfFile(program, names, known) ??
    (near === undefined && known === 0 ? imageCommand(program, names) : undefined)
  if (whole !== undefined) {
    return new VdcError('USAGE', `There is no command '${unknownWords(names, known, undefined)}'`, {
      hint: `Did you mean ${whole}? ${hint}`,
    })
  }
  const meant = near === 'version' ? '--version' : near
  const what = helpTopics.length > 0 && names.length === 1 ? 'command or help topic' : 'command'
  return new VdcError('USAGE', `There is no ${what} '${unknownWords(names, known, meant)}'`, {
    hint: meant === undefined ? hint : `Did you mean ${meant}? ${hint}`,
  })
}

/** Returns the words that the error quotes: as many as the suggestion has, but at least up to the first unknown one. */
function unknownWords(names: readonly string[], known: number, meant: string | undefined): string {
  const length = Math.max(known + 1, meant?.split(' ').length ?? 0)
  return names.slice(0, length).map(withoutSecrets).join(' ')
}

/** Returns the USAGE error for an option in place of a command. */
async function misplacedOption(
  program: Program,
  at: number,
  words: readonly string[],
  hint: string,
): Promise<VdcError> {
  const option = words[at] as string
  const isOfShell = at === 0 && optionOf(program, SHELL, option) !== undefined
  if (isOfShell && words.some((word) => isTopic(program, [word]))) {
    return new VdcError('USAGE', `Option ${option} is for the shell and cannot be used with a command`, {
      hint: 'Write the commands to a file, and run it with: vdc-manage -f FILE',
    })
  }
  const { nearest } = await import('../../core/nearest.ts')
  // As the first word, it may be a misspelt option of the program or the shell.
  const ofShell = at === 0 ? Object.values(program.findCommand(SHELL)?.flags ?? {}) : []
  const own = [
    'help',
    ...(at === 0 ? ['version'] : []),
    ...ofShell.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
  ].map((name) => `--${name}`)
  const meant = nearest(option.replace(/=.*$/s, ''), own)
  if (meant !== undefined && !own.includes(option)) {
    return new VdcError('USAGE', `Unknown option: ${option}`, { hint: `Did you mean ${meant}? ${hint}` })
  }
  return new VdcError('USAGE', `Option ${option} comes before the command`, {
    hint: `Put options after the command. ${hint}`,
  })
}
