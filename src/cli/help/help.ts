import type { Command } from '@oclif/core'
import { ENVIRONMENT, SHELL } from '../start/about.ts'
import type { Program } from '../start/program.ts'
import { boldOn } from '../terminal/color.ts'
import { writeOut } from '../terminal/output.ts'
import { describe, type Item, spaced } from './describe.ts'
import { Layout } from './layout.ts'
import { findHelpTopic, HELP_TOPICS, type HelpTopic } from './topics.ts'

/** The common options of commands that print an answer. `vdc-manage help output` explains them. */
const commonOptions = (isQuiet: boolean): readonly Item[] => [
  ['--format FORMAT, --json, --array', 'table, json, ndjson, csv, yaml or value.'],
  isQuiet
    ? ['-c, --columns NAME,..., --quiet', 'Print these columns, or IDs only (-q).']
    : ['-c, --columns NAME,...', 'Print these columns; "help" lists them.'],
  ['--no-header, --relative', 'Omit the header; show times as ages.'],
]
/** The common options of all commands. */
const GENERAL_OPTIONS: readonly Item[] = [['--no-color, --debug, -h, --help', 'See: vdc-manage help output']]

/** Headings that have their text on the same line. */
const EXIT_STATUS = 'EXIT STATUS'
const USAGE = 'Usage: '

/** Shows the help of the program, or of the command or group of commands that an ID names. */
export async function showHelp(program: Program, id: string | undefined): Promise<void> {
  const layout = newLayout()
  if (id === undefined) return print(programHelp(layout, program))
  const command = commandOf(program, id)
  await print(command === undefined ? groupHelp(layout, program, id) : await commandHelp(layout, program, command))
}

/** Shows a help topic. */
export async function showTopic(topic: HelpTopic): Promise<void> {
  const layout = newLayout()
  await print([...layout.wrap(topic.summary), '', ...layout.blocks(await topic.load())])
}

function newLayout(): Layout {
  return new Layout(process.stdout, boldOn(process.stdout))
}

/** @throws VdcError OUTPUT_FAILED */
async function print(lines: readonly string[]): Promise<void> {
  await writeOut(`${lines.join('\n')}\n`)
}

/** Finds the command of an ID or alias. */
function commandOf(program: Program, id: string): Command.Loadable | undefined {
  const found = program.findCommand(id)
  if (!found?.aliases.includes(id)) return found
  return program.commands.find((command) => command.aliases.includes(id) && !command.aliases.includes(command.id))
}

async function commandHelp(layout: Layout, program: Program, command: Command.Loadable): Promise<string[]> {
  const { usage, summary, description, args, groups, common, examples, exits, aliases } = describe(command, program.bin)
  const spelt = groups.map(({ title, options }) => {
    const indent = options.some(({ spelling }) => /^-\w/.test(spelling)) ? ' '.repeat('-n, '.length) : ''
    const items = options.map(({ spelling, value, summary }): Item => {
      const start = spelling.startsWith('--') ? indent + spelling : spelling
      return [value === undefined ? start : `${start} ${value}`, summary]
    })
    return { title, items }
  })
  const termWidth = layout.termWidth(spelt.flatMap(({ items }) => items))
  const names = aliases.map((alias) => `${program.bin} ${alias}`)
  const isAnswering = common.some(({ spelling }) => spelling === '--format')
  const isQuiet = common.some(({ spelling }) => spelling.includes('--quiet'))
  const topic = await findHelpTopic(command.id)?.load()
  return [
    ...layout.wrap(summary),
    '',
    ...layout.wrap(usage, USAGE.length).map((line, at) => (at === 0 ? line.replace(/^ +/, USAGE) : line)),
    ...(aliases.length === 0 ? [] : layout.wrap(`${aliases.length === 1 ? 'Alias' : 'Aliases'}: ${names.join(', ')}`)),
    ...description.flatMap((paragraph) => ['', ...layout.wrap(paragraph)]),
    ...layout.section('ARGUMENTS', layout.list(args)),
    ...spelt.flatMap(({ title, items }) => layout.section(title, layout.list(items, termWidth))),
    ...layout.section(
      'COMMON OPTIONS',
      layout.list([...(isAnswering ? commonOptions(isQuiet) : []), ...GENERAL_OPTIONS]),
    ),
    ...(topic === undefined ? [] : ['', ...layout.blocks(topic)]),
    ...layout.section(
      'EXAMPLES',
      examples.flatMap((example) => example.split('\n').map((line) => `  ${line}`)),
    ),
    '',
    ...layout
      .wrap(`${exits.join(' ')} (see: ${program.bin} help exit-codes)`, EXIT_STATUS.length + 2)
      .map((line, at) => (at === 0 ? line.replace(/^ +/, `${layout.bold(EXIT_STATUS)}  `) : line)),
  ]
}

function groupHelp(layout: Layout, program: Program, id: string): string[] {
  return [
    ...layout.wrap(program.findTopic(id)?.description ?? ''),
    '',
    `${USAGE}${program.bin} ${spaced(id)} COMMAND [ARGUMENT]... [OPTION]...`,
    ...layout.section('COMMANDS', layout.list(commandsIn(program, id))),
    '',
    ...layout.wrap(`For the options of a command: ${program.bin} ${spaced(id)} COMMAND --help`),
  ]
}

/** Returns the commands of a group and of the groups in it. */
function commandsIn(program: Program, id: string): Item[] {
  return program.commands
    .filter((command) => !command.hidden && !command.aliases.includes(command.id) && command.id.startsWith(`${id}:`))
    .map(({ id, summary = '' }): Item => [spaced(id), summary])
}

function programHelp(layout: Layout, program: Program): string[] {
  const names = [...new Set(program.commands.filter(({ hidden }) => !hidden).map(({ id }) => id.split(':')[0] ?? ''))]
  const commands = names.map((name): Item => [name, program.findTopic(name)?.description ?? ''])
  const topics = Object.entries(HELP_TOPICS).map(([name, { summary }]): Item => [name, summary])
  const termWidth = layout.termWidth([...commands, ...topics])
  return [
    ...layout.wrap(`${program.pjson.description}.`),
    '',
    `${USAGE}${program.bin} COMMAND [ARGUMENT]... [OPTION]...`,
    ...layout.section('COMMANDS', layout.list(commands, termWidth)),
    ...layout.section(`HELP TOPICS (${program.bin} help TOPIC)`, layout.list(topics, termWidth)),
    ...layout.section('SHELL', layout.list(SHELL)),
    ...layout.section('ENVIRONMENT', layout.list(ENVIRONMENT)),
    '',
    program.userAgent,
  ]
}
