/* Renders the manual as pages of Markdown: docs/commands, docs/errors.md and docs/image-checks.md. */

/** The file that GitHub shows for a folder. */
const INDEX = 'README.md'

/**
 * Renders the pages of the commands and help topics.
 *
 * @param {import('./model.js').Manual} manual
 * @returns {Map<string, string>} the pages by the names of their files.
 */
export function renderMarkdown(manual) {
  const pages = manual.commands.map((command) => [`${command.file}.md`, commandPage(manual, command)])
  const topics = manual.topics.map((topic) => [topicFile(topic), topicPage(manual, topic)])
  return new Map([[INDEX, indexPage(manual)], ...pages, ...topics])
}

/**
 * Renders docs/errors.md: all error codes, by exit code.
 *
 * @param {import('./model.js').Manual} manual
 */
export function renderErrors({ errors, exits }) {
  const blocks = [
    '# Error codes',
    'With `--json` or `--format ndjson`, an error has a `code`, which does not change between releases. Each code has one [exit code](exit-codes.md).',
    ...exits
      .filter(({ code: exit }) => exit !== 0)
      .flatMap(({ code: exit, text }) => [
        `## Exit code ${exit}`,
        `${marked(text.replace(/^./, (letter) => letter.toUpperCase()))}.`,
        table(
          ['code', 'meaning'],
          errors.filter((error) => error.exit === exit).map((error) => [code(error.code), marked(error.text)]),
        ),
      ]),
  ]
  return page(blocks, 'src/core/errors.ts')
}

/** Headings of the groups of checks. */
const CHECK_GROUPS = {
  boot: 'Boot',
  net: 'Network',
  ssh: 'SSH',
  id: 'Identity',
  init: 'Metadata',
  mod: 'Kernel modules',
  secret: 'Secrets',
  log: 'Log files',
  pkg: 'Package cache',
  dhcp: 'DHCP leases',
  spool: 'Spools',
  disk: 'Disk',
}

/**
 * Renders docs/image-checks.md: all checks of guests, by group.
 *
 * @param {import('./model.js').Manual} manual
 */
export function renderChecks({ checks }) {
  const groupOf = ({ id }) => id.split('.')[0]
  const groups = [...new Set(checks.map(groupOf))]
  const blocks = [
    '# Checks of guests',
    'A guest is what is inside an image. [`image check`](commands/image-check.md) runs the checks below. `--only` and `--skip` take their IDs, or their groups, such as `net`.',
    table(
      ['result', 'meaning'],
      [
        ['ok', 'The requirement is met.'],
        ['error', 'Instances cannot work, or a secret is left. The guest is not ready.'],
        [
          'warning',
          'Instances work badly, or something of the builder is left. With `--strict`, the guest is not ready.',
        ],
        ['note', 'Worth knowing, but no fault.'],
        [
          'unknown',
          'The check could not be decided, for the reason given; this is never `ok`. If a part of the guest cannot be read that a check for errors needs, the guest is not ready.',
        ],
        ['not applicable', 'The guest has nothing that could be checked.'],
      ],
    ),
    'Checks apply to Linux. A guest without an operating system, with several, or with Windows is reported as such, and is not ready.',
    '`image check wmi-ID --save` and `image add local --check` store the result with the image, in the labels `vdc-manage.check.date`, `vdc-manage.check.result` (`ready` or `not-ready`), `vdc-manage.check.errors` and `vdc-manage.check.warnings`. `image list --label vdc-manage.check.result=not-ready` finds images by them, and `image show` prints them on one line. Nothing is stored if the image or its file changes during the check. `image modify` removes the labels if the image then boots from another backup object or has another format.',
    'A check runs nothing in the guest, and writes nothing. Links are followed inside the guest only. Devices and FIFOs are not opened. A check stops at its limits: 1 MiB per file, 10,000 names per folder, 40 links per path. Keys, password hashes, tokens and IDs are not shown.',
    '[`image prepare`](commands/image-prepare.md) does in a copy what the last column says; a dash means that only you can fix it. If SELinux is enabled and a file was written, it also creates `/.autorelabel`, so that the first boot labels the files. What was deleted is overwritten on the disk. Preparing a prepared image changes nothing.',
    ...groups.flatMap((group) => [
      `## ${CHECK_GROUPS[group]}`,
      table(
        ['check', 'worst result', 'requirement', 'looks at', 'remedy', 'prepare'],
        checks
          .filter((check) => groupOf(check) === group)
          .map(({ id, severity, requirement, looksAt, remedy, prepares = '–' }) => [
            code(id),
            severity,
            marked(requirement),
            // It is Markdown.
            looksAt,
            marked(remedy),
            // As is this.
            prepares,
          ]),
      ),
    ]),
  ]
  return page(blocks, 'src/guest/checks')
}

const topicFile = ({ name }) => `help-${name}.md`

function indexPage({ program, commands, groups, topics, exits, environment, files }) {
  const names = [...new Set(commands.map(({ topic }) => topic.join(' ')))].sort()
  const sections = names.map((name) => [
    `## ${name || 'Other commands'}`,
    ...groups.filter((group) => group.name === name).map(({ summary }) => marked(summary)),
    table(
      ['command', 'description'],
      commands
        .filter(({ topic }) => topic.join(' ') === name)
        .map((command) => [`[${program} ${command.name}](${command.file}.md)`, marked(command.summary)]),
    ),
  ])
  // Commands without a group are sorted first, but come last.
  if (names[0] === '') sections.push(...sections.splice(0, 1))
  return page([
    '# Commands',
    `At a terminal, read these pages with \`${program} COMMAND --help\` or \`man ${program}-COMMAND\`, for example \`man ${program}-${commands[0].file}\`.`,
    ...sections.flat(),
    '## Help topics',
    table(
      ['topic', 'description'],
      topics.map((topic) => [`[${program} help ${topic.name}](${topicFile(topic)})`, marked(topic.summary)]),
    ),
    '## Exit status',
    exitTable(exits),
    '## Environment',
    definitions(environment),
    '## Files',
    definitions(files),
  ])
}

function commandPage({ program }, command) {
  const { name, summary, description, usage, args, options, blocks, examples, exits, aliases } = command
  const part = (title, text) => (text === '' ? [] : [`## ${title}`, text])
  return page([
    `# ${program} ${name}`,
    marked(summary),
    fence(usage),
    ...description.map(marked),
    ...(aliases.length === 0 ? [] : [`Aliases: ${aliases.map((alias) => code(`${program} ${alias}`)).join(', ')}`]),
    ...part('Arguments', definitions(args)),
    ...options.flatMap(({ title, options }) =>
      part(sentence(title), list(options.map((option) => [spelling(option), option.summary]))),
    ),
    ...blocks.map(rendered),
    ...part('Examples', fence(examples.join('\n'))),
    ...part('Exit status', exitTable(exits)),
    `[All commands](${INDEX})`,
  ])
}

function topicPage({ program }, { name, summary, blocks }) {
  return page([`# ${program} help ${name}`, marked(summary), ...blocks.map(rendered), `[All commands](${INDEX})`])
}

/** Renders a block of a help topic (src/cli/help/blocks.ts). */
function rendered({ heading, text, list: items, code: lines }) {
  if (heading !== undefined) return `## ${sentence(heading)}`
  if (items !== undefined) return definitions(items)
  return lines === undefined ? marked(text) : fence(lines.join('\n'))
}

/** Returns a heading of the help in lower case, except for its first letter, options and acronyms. */
function sentence(heading) {
  return heading
    .replace(/(?<!-)\b[A-Z]{2,}\b/g, (word) => (ACRONYMS.includes(word) ? word : word.toLowerCase()))
    .replace(/^./, (letter) => letter.toUpperCase())
}

const ACRONYMS = ['JSON']

const page = (blocks, source = 'the commands') =>
  `${[`<!-- Generated by npm run build from ${source}. Do not edit. -->`, ...blocks].join('\n\n')}\n`
const fence = (text) => `\`\`\`sh\n${text}\n\`\`\``
const code = (text) => `\`${text}\``
const list = (items) => items.map(([term, text]) => `- ${term}: ${marked(text)}`).join('\n')
const definitions = (pairs) => list(pairs.map(([term, text]) => [code(term), text]))
const exitTable = (exits) =>
  table(
    ['exit', 'meaning'],
    exits.map(({ code: exit, text }) => [String(exit), marked(text)]),
  )

function spelling({ spelling, aliases, value }) {
  const names = [spelling, ...aliases].join(', ')
  return code(value === undefined ? names : `${names} ${value}`)
}

function table(header, rows) {
  const cells = (row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [cells(header), cells(header.map(() => '---')), ...rows.map(cells)].join('\n')
}

/** Escapes special characters of Markdown. */
function marked(text) {
  return text.replace(/[\\*<[\]`]/g, '\\$&').replace(/(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\_')
}
