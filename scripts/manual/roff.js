/* Renders the manual as man pages, in the macros of man(7). */

/**
 * Renders all pages.
 *
 * @param {import('./model.js').Manual} manual
 * @returns {Map<string, string>} the pages by the names of their files.
 */
export function renderManPages(manual) {
  const pages = manual.commands.map((command) => [`${pageOf(manual, command)}.1`, commandPage(manual, command)])
  return new Map([[`${manual.program}.1`, programPage(manual)], ...pages])
}

const pageOf = ({ program }, { file }) => `${program}-${file}`

function programPage(manual) {
  const { program, commands } = manual
  return page(manual, program, [
    ...section('NAME', [`${roffed(program)} \\- ${roffed(manual.description)}`]),
    ...section('SYNOPSIS', [`${bold(program)} ${italic('COMMAND')} [${italic('ARGUMENTS')}] [${italic('OPTIONS')}]`]),
    ...section(
      'COMMANDS',
      commands.flatMap((command) => item(bold(command.name), command.summary)),
    ),
    ...section(
      'SHELL',
      manual.shell.flatMap(([term, text]) => item(bold(term), text)),
    ),
    ...exitStatus(manual.exits),
    ...surroundings(manual),
    ...seeAlso(commands.map((command) => pageOf(manual, command))),
  ])
}

function commandPage(manual, command) {
  const name = pageOf(manual, command)
  const siblings = manual.commands.filter(
    ({ topic, file }) => String(topic) === String(command.topic) && file !== command.file,
  )
  return page(manual, name, [
    ...section('NAME', [`${roffed(name)} \\- ${roffed(command.summary.replace(/\.$/, ''))}`]),
    ...section('SYNOPSIS', [usage(manual, command)]),
    ...section('DESCRIPTION', paragraphs(command)),
    ...section(
      'ARGUMENTS',
      command.args.flatMap((arg) => item(italic(arg.name), arg.description)),
    ),
    ...section(
      'OPTIONS',
      command.options.flatMap(({ title, flags }) => [
        ...(title === '' ? [] : [`.SS ${roffed(title.toLowerCase().replace(/^./, (letter) => letter.toUpperCase()))}`]),
        ...flags.flatMap((flag) => item(option(flag), flag.summary)),
      ]),
    ),
    ...section(
      'EXAMPLES',
      command.examples.flatMap((example) => ['.PP', '.nf', ...example.split('\n').map(line), '.fi']).slice(1),
    ),
    ...exitStatus(command.exits),
    ...surroundings(manual),
    ...seeAlso([manual.program, ...siblings.map((sibling) => pageOf(manual, sibling))]),
  ])
}

/** The summary is in NAME; what else there is to say follows it. */
function paragraphs({ summary, description, aliases, name }) {
  const called = aliases.map((alias) => alias.split(' ').at(-1))
  const also = called.length === 0 ? [] : [`${name.split(' ').at(-1)} is also called ${called.join(' and ')}.`]
  return [summary, ...description, ...also].flatMap((paragraph) => ['.PP', line(paragraph)]).slice(1)
}

function usage({ program }, { usage: text, name }) {
  const start = `${program} ${name}`
  return `${bold(start)}${roffed(text.slice(start.length))}`
}

function option({ names, value }) {
  const spelt = names.split(', ').map(bold).join(', ')
  return value === undefined ? spelt : `${spelt}=${italic(value)}`
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

const seeAlso = (pages) => section('SEE ALSO', [pages.map((name) => `${bold(name)}(1)`).join(',\n')])

/** The date is left to the version, so that the same sources make the same page. */
function page({ program, version }, name, lines) {
  const title = `.TH ${name.toUpperCase()} 1 "" "${program} ${version}" "${program}"`
  return `${[`.\\" Made by scripts/manual.js from the commands; not to be edited.`, title, ...lines].join('\n')}\n`
}

const section = (title, lines) => (lines.length === 0 ? [] : [`.SH ${title}`, ...lines])
const item = (term, text) => ['.TP', term, line(text)]
const bold = (text) => `\\fB${roffed(text)}\\fR`
const italic = (text) => `\\fI${roffed(text)}\\fR`

/** A line of text, which is no request whatever it begins with. */
const line = (text) => roffed(text).replace(/^(?=[.'])/, '\\&')

/** What roff would take for something else (groff_man_style(7), "Portability"). */
const ESCAPES = { '\\': '\\e', '-': '\\-', "'": '\\(aq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti', '"': '\\(dq' }

function roffed(text) {
  return text
    .replace(/[\\\-'`^~"]/g, (character) => ESCAPES[character])
    .replace(
      /[^\x20-\x7e\n]/gu,
      (character) => `\\[u${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
}
