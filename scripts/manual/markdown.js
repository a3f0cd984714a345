/* Renders the manual as pages of Markdown, for docs/commands. */

/** The file that a folder is shown by. */
const INDEX = 'README.md'

/**
 * Renders all pages.
 *
 * @param {import('./model.js').Manual} manual
 * @returns {Map<string, string>} the pages by the names of their files.
 */
export function renderMarkdown(manual) {
  const pages = manual.commands.map((command) => [`${command.file}.md`, commandPage(manual, command)])
  return new Map([[INDEX, indexPage(manual)], ...pages])
}

function indexPage({ program, commands, topics, exits, environment, files }) {
  const names = [...new Set(commands.map(({ topic }) => topic.join(' ')))].sort()
  const sections = names.map((name) => [
    `## ${name || 'others'}`,
    marked(topics.get(name) ?? 'What belongs to no topic'),
    table(
      ['command', 'what it does'],
      commands
        .filter(({ topic }) => topic.join(' ') === name)
        .map((command) => [`[${program} ${command.name}](${command.file}.md)`, marked(command.summary)]),
    ),
  ])
  // What belongs to no topic is first in the order of names, and last here.
  if (names[0] === '') sections.push(...sections.splice(0, 1))
  return page([
    '# Commands',
    `Each is shown at the terminal by \`${program} COMMAND --help\`, and as a manual page by \`man ${program}-COMMAND\`, such as \`man ${program}-${commands[0].file}\`.`,
    ...sections.flat(),
    '## Exit status',
    exitTable(exits),
    '## Environment',
    definitions(environment),
    '## Files',
    definitions(files),
  ])
}

function commandPage({ program }, command) {
  const { name, summary, description, usage, args, options, examples, exits, aliases } = command
  const part = (title, text) => (text === '' ? [] : [`## ${title}`, text])
  return page([
    `# ${program} ${name}`,
    marked(summary),
    fence(wrapUsage(usage)),
    ...description.map(marked),
    ...(aliases.length === 0 ? [] : [`Also: ${aliases.map((alias) => code(`${program} ${alias}`)).join(', ')}`]),
    ...part('Arguments', list(args.map((arg) => [code(arg.name), arg.description]))),
    ...part('Options', list(options.flatMap(({ flags }) => flags.map((flag) => [spelling(flag), flag.summary])))),
    ...part('Examples', fence(examples.join('\n'))),
    ...part('Exit status', exitTable(exits)),
    `[All commands](${INDEX})`,
  ])
}

const page = (blocks) =>
  `${['<!-- Made by npm run build from the commands; not to be edited. -->', ...blocks].join('\n\n')}\n`
const fence = (text) => `\`\`\`sh\n${text}\n\`\`\``
const code = (text) => `\`${text}\``
const list = (items) => items.map(([term, text]) => `- ${term}: ${marked(text)}`).join('\n')
const definitions = (pairs) => list(pairs.map(([term, text]) => [code(term), text]))
const exitTable = (exits) =>
  table(
    ['exit', 'meaning'],
    exits.map(({ code: exit, text }) => [String(exit), marked(text)]),
  )

function spelling({ names, value }) {
  return code(value === undefined ? names : `${names}=${value}`)
}

/** A long usage, an option a line from the first one that may be left out. */
function wrapUsage(usage) {
  if (usage.length <= 80) return usage
  return usage.replace(/ (?=\[)/g, ' \\\n  ')
}

function table(header, rows) {
  const cells = (row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [cells(header), cells(header.map(() => '---')), ...rows.map(cells)].join('\n')
}

/** What Markdown would take for something else. */
function marked(text) {
  return text.replace(/[\\*<[\]`]/g, '\\$&').replace(/(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\_')
}
