/*
 * Draws docs/terminal.svg: the commands below and their output in a terminal of 100 columns.
 * Usage: npm run picture; requires script(1) and qemu-img.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COLUMNS = 100
const COMMANDS = [
  'vdc-manage image add local lucid.qcow2 --account-id a-shpoolxx --description "Ubuntu 10.04"',
  'vdc-manage image add local incoming/overlay.qcow2 --account-id a-shpoolxx',
  'vdc-manage image list --account-id a-k3x9q0bz --columns id,display_name,virtual_size,access',
  'vdc-manage image list --quiet | vdc-manage image protect -',
  'vdc-manage image list --quiet | vdc-manage image del -',
  "vdc-manage image list --json | jq -r '.[].checksum'",
  'vdc-manage image lits',
]
/** Matches escape sequences for bold and colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences start with ESC
const ESCAPE = /(\u001b\[\d+m)/
/** Colours, by their codes in escape sequences. */
const COLORS = { 31: '#f47067', 32: '#6cc070', 33: '#e5c07b', 36: '#56b6c2' }
const BEFORE = [
  'mkdir incoming',
  'qemu-img create -q -f qcow2 lucid.qcow2 8G',
  'qemu-img create -q -f qcow2 -b ../lucid.qcow2 -F qcow2 incoming/overlay.qcow2',
  'vdc-manage account add --uuid a-k3x9q0bz >/dev/null',
]

const folder = mkdtempSync(join(tmpdir(), 'picture-'))
try {
  symlinkSync(join(ROOT, 'bin/run.js'), join(folder, 'vdc-manage'))
  const env = {
    PATH: `${folder}:${process.env.PATH}`,
    HOME: folder,
    XDG_STATE_HOME: join(folder, 'state'),
    TERM: 'xterm',
    VDC_MANAGE_DATABASE_URI: `sqlite://${folder}/registry.sqlite`,
  }
  const run = (file, args) => execFileSync(file, args, { cwd: folder, env, encoding: 'utf8' })
  run('bash', ['-ec', BEFORE.join('\n')])
  const shown = COMMANDS.map((command) => {
    const screen = run('script', ['-qc', `stty cols ${COLUMNS}; ${command} || true`, '/dev/null'])
    return `\u001b[1m$ ${command}\u001b[22m\n${screen.replaceAll('\r', '')}`
  })
  writeFileSync(
    join(ROOT, 'docs/terminal.svg'),
    picture(shown.join('\n').trimEnd().replaceAll(`${folder}/`, '/srv/images/')),
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Draws text as SVG. @param {string} text may contain the program's escape sequences for bold and colours. */
function picture(text) {
  const lines = text.split('\n').flatMap(wrapped)
  const [cell, line, edge] = [8.4, 19, 16]
  const width = Math.ceil(COLUMNS * cell + 2 * edge)
  const height = lines.length * line + 2 * edge
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<title>vdc-manage in a terminal</title>',
    '<rect width="100%" height="100%" rx="8" fill="#1e2127"/>',
    '<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="14" fill="#d7dae0" xml:space="preserve">',
    ...lines.map((each, at) => `<text x="${edge}" y="${edge + at * line + 14}">${spans(each)}</text>`),
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

/** Wraps a line as a terminal does. @param {string} line @returns {string[]} */
function wrapped(line) {
  let room = COLUMNS
  return line
    .split(ESCAPE)
    .map((part) => {
      if (ESCAPE.test(part)) return part
      const first = part.slice(0, room)
      const rest = part.slice(room).replace(new RegExp(`.{1,${COLUMNS}}`, 'g'), '\n$&')
      room = rest === '' ? room - first.length : COLUMNS - ((part.length - first.length) % COLUMNS)
      return first + rest
    })
    .join('')
    .split('\n')
}

/** Turns escape sequences into elements of SVG. @param {string} line @returns {string} */
function spans(line) {
  let bold = false
  let color
  return line
    .split(ESCAPE)
    .map((part) => {
      if (!ESCAPE.test(part)) return span(part, bold, color)
      const code = part.slice(2, -1)
      if (code === '1' || code === '22') bold = code === '1'
      else color = COLORS[code]
      return ''
    })
    .join('')
}

/** Returns a text in a style. @param {string} text @param {boolean} bold @param {string | undefined} color @returns {string} */
function span(text, bold, color) {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const style = `${bold ? ' font-weight="bold"' : ''}${color ? ` fill="${color}"` : ''}`
  return escaped === '' || style === '' ? escaped : `<tspan${style}>${escaped}</tspan>`
}
