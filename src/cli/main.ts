import { Config, loadHelpClass } from '@oclif/core'
import { VdcError } from '../errors.ts'
import { hasFlag, isDebugging } from './base-command.ts'
import { writeOut } from './output.ts'
import { reportError } from './report-error.ts'

/**
 * Runs the program: finds the command that the words name, runs it, and ends
 * the process with its exit code.
 *
 * @param argv the words after the program's name.
 * @param root the folder of the package.
 */
export async function main(argv: readonly string[], root: string): Promise<void> {
  const words = [...argv]
  const report = (error: unknown) => reportError(error, { json: hasFlag(words, '--json'), debug: isDebugging(words) })
  // Every write waits for its own outcome; without a listener a closed pipe would end the process in the middle.
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error').on('error', () => {})
  process.on('uncaughtException', (error) => void report(error).finally(() => process.exit()))
  try {
    await dispatch(words, await Config.load({ root }))
  } catch (error) {
    await report(error)
  }
  // All answers are written by now, and a server that hangs must not keep us.
  process.exit()
}

async function dispatch(words: string[], config: Config): Promise<void> {
  if (words[0] === '--version' || words[0] === '-v') {
    await writeOut(`${config.userAgent}\n`)
    return
  }
  if (words[0] === 'help') return showHelp(config, words.slice(1))
  if (words.length === 0 || hasFlag(words, '--help') || hasFlag(words, '-h')) return showHelp(config, words)

  const names = leadingNames(words)
  const command = findCommand(config, names)
  if (command !== undefined) {
    await config.runCommand(command.id, words.slice(command.length))
    return
  }
  if (names.length > 0 && isTopic(config, names) && names.length === words.length) return showHelp(config, words)
  throw unknownCommand(config, names, words)
}

/** Shows the help of the command or topic that the words name, or of the program. */
async function showHelp(config: Config, words: string[]): Promise<void> {
  const names = leadingNames(words)
  if (names.length > 0 && findCommand(config, names) === undefined && !isTopic(config, names)) {
    throw unknownCommand(config, names, words)
  }
  const Help = await loadHelpClass(config)
  await new Help(config, config.pjson.oclif.helpOptions).showHelp(words)
  // oclif doesn't look whether that could be written.
  await writeOut('')
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
