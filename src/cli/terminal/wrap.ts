import { stripVTControlCharacters } from 'node:util'
import { textWidth } from './text-width.ts'

/** The programs that hints tell the reader to run. */
const PROGRAMS = [
  'affconvert',
  'apt-get',
  'chdman',
  'cryptsetup',
  'diskutil',
  'ewfexport',
  'gunzip',
  'hdiutil',
  'iconv',
  'ip',
  'libguestfs-test-tool',
  'manage-bde',
  'maxcso',
  'mysqladmin',
  'ntfsclone',
  'partclone.restore',
  'pgpwde',
  'prlimit',
  'proxmox-backup-client',
  'qemu-img',
  'rbd',
  'sgdisk',
  'simg2img',
  'sqlite3',
  'sudo',
  'tar',
  'truncate',
  'vdc-manage',
  'vma',
  'vncviewer',
]
/** What lines are not broken in: commands, up to punctuation or the end; and texts in quotes. */
const UNBROKEN = new RegExp(
  `(?<=^|[:,] |with |mean )(?:${PROGRAMS.join('|')}) (?:'[^']*'|[^,;?(']|[,;?(](?! ))*(?<! )|(?<= )'[^']*'`,
  'g',
)

/**
 * Puts units, such as words, on lines with a space between them. A unit that is longer than a line
 * has a line of its own.
 *
 * @param width the most cells of a line.
 */
export function fill(units: readonly string[], width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const unit of units) {
    if (line !== '' && shownWidth(line) + 1 + shownWidth(unit) > width) {
      lines.push(line)
      line = unit
    } else line = line === '' ? unit : `${line} ${unit}`
  }
  return [...lines, line]
}

/**
 * Wraps the lines of a message that are too long for a terminal. Lines break at spaces, but not
 * within a command or a text in quotes, so that it can be copied. What continues an indented line is
 * indented more.
 *
 * @param width the most cells of a line.
 */
export function wrapMessage(message: string, width: number): string {
  return message
    .split('\n')
    .flatMap((line) => {
      if (shownWidth(line) <= width) return [line]
      return line.startsWith(' ') ? wrapIndented(line, ' '.repeat(NARROW_INDENT), width) : fill(unitsOf(line), width)
    })
    .join('\n')
}

/** Cells of a terminal below which the details of a line are indented only a little. */
const WIDE = 120
const NARROW_INDENT = 4

/** Returns the cells of a line of stdout: those of its terminal; no limit in a pipe. */
export function outputWidth(): number {
  const { isTTY, columns } = process.stdout
  return isTTY && columns > 0 ? columns : Number.POSITIVE_INFINITY
}

/**
 * Returns the spaces before what continues or explains a line.
 *
 * @param wide how many they are in a pipe or a wide terminal.
 */
export function detailIndent(wide: number, width = outputWidth()): string {
  return ' '.repeat(width < WIDE ? NARROW_INDENT : wide)
}

/** Wraps a line that is too long for a terminal. What continues it is indented. */
export function wrapIndented(line: string, indent: string, width = outputWidth()): string {
  const text = line.trimStart()
  const start = line.slice(0, line.length - text.length)
  const [first = '', ...rest] = wrapMessage(text, width - start.length).split('\n')
  if (rest.length === 0) return start + first.trimEnd()
  return `${start}${first.trimEnd()}\n${wrapMessage(rest.join(' '), width - indent.length).replaceAll(/^/gm, indent)}`
}

function unitsOf(line: string): string[] {
  return line
    .replace(UNBROKEN, (text) => text.replaceAll(' ', '\n'))
    .split(' ')
    .map((unit) => unit.replaceAll('\n', ' '))
}

/** Returns the cells that a text takes, without its colours. */
function shownWidth(text: string): number {
  return textWidth(text.includes('\u001b') ? stripVTControlCharacters(text) : text)
}
