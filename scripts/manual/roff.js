/* Renders the manual as man pages, with the macros of man(7). */

/**
 * Renders all pages.
 *
 * @param {import('./model.js').Manual} manual
 * @returns {Map<string, string>} the pages by the names of their files.
 */
export function renderManPages(manual) {
  const pages = manual.commands.map((command) => [`${pageOf(manual, command)}.1`, commandPage(manual, command)])
  const groups = manual.groups.map((group) => [`${pageOf(manual, group)}.1`, groupPage(manual, group)])
  const topics = manual.topics.map((topic) => [`${manual.program}-${topic.name}.7`, topicPage(manual, topic)])
  return new Map([[`${manual.program}.1`, programPage(manual)], ...[...pages, ...groups].sort(byName), ...topics])
}

const byName = ([a], [b]) => (a < b ? -1 : 1)
const pageOf = ({ program }, { file }) => `${program}-${file}`

function programPage(manual) {
  const { program, commands, groups, topics } = manual
  return page(manual, program, [
    ...section('NAME', [`${roffed(program)} \\- ${roffed(manual.description)}`]),
    ...section('SYNOPSIS', [
      `${bold(program)} ${italic('COMMAND')} [${italic('ARGUMENT')}]... [${italic('OPTION')}]...`,
    ]),
    ...section(
      'COMMANDS',
      commands.flatMap((command) => item(bold(command.name), command.summary)),
    ),
    ...section(
      'HELP TOPICS',
      topics.flatMap(({ name, summary }) => item(bold(`${program} help ${name}`), summary)),
    ),
    ...section(
      'SHELL',
      manual.shell.flatMap(([term, text]) => item(bold(term), text)),
    ),
    ...exitStatus(manual.exits),
    ...surroundings(manual),
    ...seeAlso([...commands, ...groups].map((each) => pageOf(manual, each)).sort(), topicNames(manual)),
  ])
}

function groupPage(manual, { name, file, summary }) {
  const { program } = manual
  const commands = manual.commands.filter((command) => command.name.startsWith(`${name} `))
  return page(manual, pageOf(manual, { file }), [
    ...section('NAME', [`${roffed(`${program}-${file}`)} \\- ${title(summary)}`]),
    ...section('SYNOPSIS', [
      `${bold(`${program} ${name}`)} ${italic('COMMAND')} [${italic('ARGUMENT')}]... [${italic('OPTION')}]...`,
    ]),
    ...section(
      'COMMANDS',
      commands.flatMap((command) => item(bold(command.name), command.summary)),
    ),
    ...seeAlso([program, ...commands.map((command) => pageOf(manual, command))]),
  ])
}

function topicPage(manual, { name, summary, blocks }) {
  const { program, topics } = manual
  const others = topicNames({ program, topics: topics.filter((topic) => topic.name !== name) })
  const [first] = blocks
  return page(
    manual,
    `${program}-${name}`,
    [
      ...section('NAME', [`${roffed(`${program}-${name}`)} \\- ${title(summary)}`]),
      ...(first?.heading === undefined ? ['.SH DESCRIPTION'] : []),
      ...blocks.flatMap(rendered),
      ...seeAlso([program], others),
    ],
    7,
  )
}

/** Renders a block of a help topic (src/cli/help/blocks.ts). */
function rendered({ heading, text, list, code }, at, blocks) {
  if (heading !== undefined) return [`.SH ${roffed(heading)}`]
  if (list !== undefined) return list.flatMap(([term, text]) => item(bold(term), text))
  const isFirst = at === 0 || blocks[at - 1].heading !== undefined
  const lines = code === undefined ? [line(text)] : ['.nf', ...code.map(line), '.fi']
  return isFirst ? lines : ['.PP', ...lines]
}

const topicNames = ({ program, topics }) => topics.map(({ name }) => `${program}-${name}`)
/** Returns the summary of a page, as whatis(1) shows it. */
const title = (summary) => roffed(summary.replace(/\.$/, ''))

function commandPage(manual, command) {
  const name = pageOf(manual, command)
  const siblings = manual.commands.filter(
    ({ topic, file }) => String(topic) === String(command.topic) && file !== command.file,
  )
  return page(manual, name, [
    ...section('NAME', [`${roffed(name)} \\- ${title(command.summary)}`]),
    ...section('SYNOPSIS', [usage(manual, command)]),
    ...section('DESCRIPTION', paragraphs(manual, command)),
    ...section(
      'ARGUMENTS',
      command.args.flatMap(([term, text]) => item(italic(term), text)),
    ),
    ...section(
      'OPTIONS',
      command.options.flatMap(({ title, options }) => [
        ...(title === 'OPTIONS' ? [] : [`.SS ${sentence(title)}`]),
        ...options.flatMap((each) => item(option(each), each.summary)),
      ]),
    ),
    ...command.blocks.flatMap(rendered),
    ...section(
      'EXAMPLES',
      command.examples.flatMap((example) => ['.PP', '.nf', ...example.split('\n').map(line), '.fi']).slice(1),
    ),
    ...exitStatus(command.exits),
    ...surroundings(manual),
    ...seeAlso([manual.program, ...siblings.map((sibling) => pageOf(manual, sibling))], topicNames(manual)),
  ])
}

/** Returns the paragraphs of the description: the summary, the description and the aliases. */
function paragraphs({ program }, { summary, description, aliases }) {
  const called = aliases.map((alias) => `${program} ${alias}`)
  const also = called.length === 0 ? [] : [`Aliases: ${called.join(', ')}.`]
  return [summary, ...description, ...also].flatMap((paragraph) => ['.PP', line(paragraph)]).slice(1)
}

function usage({ program }, { usage: text, name }) {
  const start = `${program} ${name}`
  return `${bold(start)}${roffed(text.slice(start.length))}`
}

function option({ spelling, aliases, value }) {
  const spelt = [...spelling.split(', '), ...aliases].map(bold).join(', ')
  return value === undefined ? spelt : `${spelt} ${italic(value)}`
}

const exitStatus = (exits) =>
  section(
    'EXIT STATUS',
    exits.flatMap(({ code, text }) => item(bold(String(code)), text)),
  )

function surroundings({ environment, files }) {
  return [
    ...section(
      'ENVIRONMENT',
      environment.flatMap(([name, text]) => item(bold(name), text)),
    ),
    ...section(
      'FILES',
      files.flatMap(([path, text]) => item(italic(path), text)),
    ),
  ]
}

const seeAlso = (pages, topics = []) =>
  section('SEE ALSO', [
    [...pages.map((name) => `${bold(name)}(1)`), ...topics.map((name) => `${bold(name)}(7)`)].join(',\n'),
  ])
const sentence = (heading) => roffed(heading.toLowerCase().replace(/^./, (letter) => letter.toUpperCase()))

/** Returns a page. It has no date, so that the same sources give the same page. */
function page({ program, version }, name, lines, volume = 1) {
  const title = `.TH ${name.toUpperCase()} ${volume} "" "${program} ${version}" "${program}"`
  return `${[`.\\" Made by scripts/manual.js from the commands. Do not edit.`, title, ...lines].join('\n')}\n`
}

const section = (title, lines) => (lines.length === 0 ? [] : [`.SH ${title}`, ...lines])
const item = (term, text) => ['.TP', term, line(text)]
const bold = (text) => `\\fB${roffed(text)}\\fR`
const italic = (text) => `\\fI${roffed(text)}\\fR`

/** Returns a line of text, which roff does not take for a request. */
const line = (text) => roffed(text).replace(/^(?=[.'])/, '\\&')

/** Escapes of roff's special characters (groff_man_style(7), "Portability"). */
const ESCAPES = { '\\': '\\e', '-': '\\-', "'": '\\(aq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti', '"': '\\(dq' }

function roffed(text) {
  return text
    .replace(/[\\\-'`^~"]/g, (character) => ESCAPES[character])
    .replace(
      /[^\x20-\x7e\n]/gu,
      (character) => `\\[u${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
}
