/*
 * The contents of the manual, from the manifest of the build and the texts of the program's help.
 */
import { createRequire } from 'node:module'

/**
 * @typedef {object} Option
 * @property {string} spelling
 * @property {string[]} aliases
 * @property {string} [value]
 * @property {string} summary
 *
 * @typedef {object} Command as in src/cli/help/describe.ts, and:
 * @property {string} name as it is typed, without the program's name.
 * @property {string} file name of its page, without an extension.
 * @property {string[]} topic the words before its last one.
 * @property {string} summary
 * @property {string[]} description paragraphs.
 * @property {string} usage
 * @property {[string, string][]} args
 * @property {{title: string, options: Option[]}[]} options by heading, the common ones last.
 * @property {object[]} blocks of the help topic of its name.
 * @property {string[]} examples
 * @property {{code: number, text: string}[]} exits
 * @property {string[]} aliases
 *
 * @typedef {object} Group of commands.
 * @property {string} name
 * @property {string} file name of its page, without an extension.
 * @property {string} summary
 *
 * @typedef {object} HelpTopic
 * @property {string} name
 * @property {string} summary
 * @property {object[]} blocks as in src/cli/help/blocks.ts.
 *
 * @typedef {object} Manual
 * @property {string} program
 * @property {string} version
 * @property {string} description
 * @property {Command[]} commands
 * @property {Group[]} groups
 * @property {HelpTopic[]} topics help topics that are not the names of commands.
 * @property {{code: number, text: string}[]} exits
 * @property {{code: string, exit: number, text: string}[]} errors
 * @property {{id: string, severity: string, requirement: string, looksAt: string, remedy: string, prepares?: string}[]} checks of guests.
 * @property {[string, string][]} shell forms of the program without a command.
 * @property {[string, string][]} environment
 * @property {[string, string][]} files
 */

/**
 * Reads the manual of a built package, sorted by name. Hidden commands and options are left out.
 *
 * @param {string} root folder of the package.
 * @returns {Promise<Manual>}
 */
export async function readManual(root) {
  const { loadManual } = createRequire(import.meta.url)(`${root}/dist/program.cjs`)
  const { describe, spaced, CHECKS, ENVIRONMENT, ERRORS, EXIT_STATUS, FILES, HELP_TOPICS, Program, SHELL } =
    await loadManual()
  const program = new Program(root, {})
  const exitsOf = (codes) => codes.map((code) => ({ code: Number(code), text: EXIT_STATUS[code] }))
  const helpTopics = await Promise.all(
    Object.entries(HELP_TOPICS).map(async ([name, topic]) => ({ ...topic, name, blocks: await topic.load() })),
  )
  const commands = program.commands
    .filter(({ hidden, aliases, id }) => !hidden && !aliases.includes(id))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((command) => {
      const { groups, common, exits, ...description } = describe(command, program.bin)
      return {
        ...description,
        file: command.id.replaceAll(':', '-'),
        topic: description.name.split(' ').slice(0, -1),
        options: [...groups, { title: 'COMMON OPTIONS', options: common }],
        blocks: helpTopics.find(({ name }) => name === command.id)?.blocks ?? [],
        exits: exitsOf(exits),
      }
    })
  return {
    program: program.bin,
    version: program.version,
    description: program.pjson.description,
    commands,
    groups: program.topics
      .filter(({ name }) => program.findCommand(name) === undefined)
      .map(({ name, description }) => ({ name: spaced(name), file: name.replaceAll(':', '-'), summary: description })),
    topics: helpTopics.filter(({ name }) => program.findCommand(name) === undefined),
    exits: exitsOf(Object.keys(EXIT_STATUS)),
    errors: Object.entries(ERRORS).map(([code, { exit, meaning }]) => ({ code, exit, text: meaning })),
    checks: CHECKS,
    shell: SHELL,
    environment: ENVIRONMENT,
    files: FILES,
  }
}
