/*
 * What a manual says of the program: read from the manifest that the build has
 * just made, and from what the program's own help is made of.
 */
import { createRequire } from 'node:module'

/**
 * @typedef {object} Command
 * @property {string} name as it is typed, without the program's.
 * @property {string} file name of its page, without an extension.
 * @property {string[]} topic the words before its last one.
 * @property {string} summary
 * @property {string[]} description paragraphs.
 * @property {string} usage
 * @property {{name: string, description: string}[]} args
 * @property {{title: string, flags: {names: string, value?: string, summary: string}[]}[]} options in groups.
 * @property {string[]} examples
 * @property {{code: number, text: string}[]} exits
 * @property {string[]} aliases
 *
 * @typedef {object} Manual
 * @property {string} program
 * @property {string} version
 * @property {string} description
 * @property {Command[]} commands
 * @property {Map<string, string>} topics descriptions by name.
 * @property {{code: number, text: string}[]} exits
 * @property {[string, string][]} shell how the program runs without a command.
 * @property {[string, string][]} environment
 * @property {[string, string][]} files
 */

/**
 * Reads what the manual is to say of a built package. Hidden commands and
 * options are left out; the order is that of the names.
 *
 * @param {string} root folder of the package.
 * @returns {Promise<Manual>}
 */
export async function readManual(root) {
  const { loadManual } = createRequire(import.meta.url)(`${root}/dist/program.cjs`)
  const { CommandHelpWithExits, ENVIRONMENT, EXIT_STATUS, FILES, Program, SHELL } = await loadManual()
  const config = new Program(root, {})
  const usageOf = (command) => command.usage ?? new CommandHelpWithExits(command, config, {}).defaultUsage()
  const exitsOf = (codes) => codes.map((code) => ({ code: Number(code), text: EXIT_STATUS[code] }))
  return {
    program: config.bin,
    version: config.version,
    description: config.pjson.description,
    commands: config.commands
      .filter(({ hidden, aliases, id }) => !hidden && !aliases.includes(id))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((command) => ({ ...describe(command, config, usageOf(command)), exits: exitsOf(command.exits ?? []) })),
    topics: new Map(config.topics.map(({ name, description }) => [name.replaceAll(':', ' '), description ?? ''])),
    exits: exitsOf(Object.keys(EXIT_STATUS)),
    shell: SHELL,
    environment: ENVIRONMENT,
    files: FILES,
  }
}

function describe(command, config, usage) {
  const name = command.id.replaceAll(':', ' ')
  const resolved = (text) => text.replaceAll('<%= config.bin %>', config.bin).replaceAll('<%= command.id %>', name)
  return {
    name,
    file: command.id.replaceAll(':', '-'),
    topic: name.split(' ').slice(0, -1),
    summary: command.summary ?? '',
    description: resolved(command.description ?? '')
      .split(/\n{2,}/)
      .filter((paragraph) => paragraph !== ''),
    usage: `${config.bin} ${resolved(usage)}`,
    args: Object.values(command.args)
      .filter(({ hidden }) => !hidden)
      .map((arg) => ({
        name: `${arg.name.toUpperCase()}${arg.multiple ? '...' : ''}`,
        description: withFacts(arg.description ?? '', arg),
      })),
    options: groupsOf(Object.values(command.flags).filter(({ hidden }) => !hidden)),
    examples: (command.examples ?? []).map((each) => resolved(typeof each === 'string' ? each : each.command)),
    aliases: command.aliases.map((alias) => alias.replaceAll(':', ' ')),
  }
}

/** The command's own options first, then those that all have. */
function groupsOf(flags) {
  const titles = [...new Set(flags.map(({ helpGroup = '' }) => helpGroup))].sort()
  return titles.map((title) => ({
    title,
    flags: flags.filter(({ helpGroup = '' }) => helpGroup === title).map(describeFlag),
  }))
}

function describeFlag(flag) {
  const long = flag.type === 'boolean' && flag.allowNo ? `--[no-]${flag.name}` : `--${flag.name}`
  const values = flag.options?.join('|')
  return {
    names: [...(flag.char ? [`-${flag.char}`] : []), long, ...(flag.aliases ?? []).map((name) => `--${name}`)].join(
      ', ',
    ),
    ...(flag.type === 'option' ? { value: flag.helpValue ?? values ?? 'VALUE' } : {}),
    summary: withFacts(flag.summary ?? flag.description ?? '', flag),
  }
}

/** What an option or argument is, with what else is known of it. */
function withFacts(summary, { required, options, helpValue, default: value, type }) {
  const facts = [
    ...(required && type === 'option' ? ['Required.'] : []),
    ...(options && (helpValue || type === undefined) ? [`One of ${options.join(', ')}.`] : []),
    ...(value === undefined || value === false ? [] : [`Default: ${value}.`]),
  ]
  return [summary, ...facts].join(' ').trim()
}
