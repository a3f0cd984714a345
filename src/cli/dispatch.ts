import { type Config, loadHelpClass } from '@oclif/core'
import { VdcError } from '../errors.ts'
import { writeOut } from './output.ts'
import { hasFlag } from './words.ts'

/** What runs where no command is named. */
export const SHELL = 'shell'

/**
 * Runs the command that the words name, or shows help.
 *
 * @param words those after the program's name, or of a line of the shell.
 * @throws VdcError USAGE when there is no such command. What goes wrong in a
 *   command it tells itself, and sets the process's exit code.
 */
export async function dispatch(words: string[], config: Config): Promise<void> {
  if (words[0] === '--version' || words[0] === '-v') {
    await writeOut(`${config.userAgent}\n`)
    return
  }
  if (words[0] === 'help') return showHelp(config, words.slice(1))
  if (asksForHelp(config, words)) return showHelp(config, words)
  if (beginsShell(config, words)) {
    await config.runCommand(SHELL, words)
    return
  }
  const names = leadingNames(words)
  const command = findCommand(config, names)
  if (command !== undefined) {
    await config.runCommand(command.id, words.slice(command.length))
    return
  }
  if (names.length > 0 && isTopic(config, names) && names.length === words.length) return showHelp(config, words)
  throw unknownCommand(config, names, words)
}

/** Says whether there is no command, at most options of the shell: then the shell it is. */
function beginsShell(config: Config, words: readonly string[]): boolean {
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
    throw unknownCommand(config, names, words)
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

function unknownCommand(config: Config, names: readonly string[], words: readonly string[]): VdcError {
  let known = names.length
  while (known > 0 && !isTopic(config, names.slice(0, known))) known--
  const topic = names.slice(0, known).map((name) => `${name} `)
  const hint = `vdc-manage ${topic.join('')}--help lists the commands`
  if (known === names.length) {
    return new VdcError('USAGE', `The option ${words[known]} stands before the command`, {
      hint: `Options go after the command; ${hint}`,
    })
  }
  return new VdcError('USAGE', `There is no command '${names.slice(0, known + 1).join(' ')}'`, { hint })
}
