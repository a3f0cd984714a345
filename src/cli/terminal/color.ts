import pico from 'picocolors'
import { valueOfBoolean } from '../command/original-spelling.ts'
import { wordsBefore } from '../start/argv.ts'

/** The values with which FORCE_COLOR turns colours off, as in Node. */
const OFF = ['0', 'false']

const forbidden = { process: false, command: false }

/** Applies `--no-color` in the words of the process to all of its commands. */
export function heedProcessColorFlag(argv: readonly string[]): void {
  forbidden.process = forbidsColors(argv)
}

/** Applies `--no-color` in the words of a command to that command. */
export function heedColorFlag(argv: readonly string[]): void {
  forbidden.command = forbidsColors(argv)
}

function forbidsColors(argv: readonly string[]): boolean {
  const words = wordsBefore(argv, '--')
  return words.some((word, at) => {
    const written = /^--no[-_]color(?:=(.*))?$/s.exec(word)
    return written !== null && valueOfBoolean(written[1] ?? words[at + 1]) !== false
  })
}

/**
 * Returns true if a stream gets colours. `--no-color` and NO_COLOR turn them off; FORCE_COLOR and
 * CLICOLOR_FORCE turn them on, even in a pipe, and FORCE_COLOR=0 off. Otherwise, terminals have colours,
 * except with TERM=dumb (https://no-color.org, https://force-color.org, https://bixense.com/clicolors).
 */
function hasColors(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM } = process.env
  if (forbidden.process || forbidden.command || (NO_COLOR !== undefined && NO_COLOR !== '')) return false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return !OFF.includes(FORCE_COLOR)
  if (CLICOLOR_FORCE !== undefined && CLICOLOR_FORCE !== '' && CLICOLOR_FORCE !== '0') return true
  return stream.isTTY === true && TERM !== 'dumb' && CLICOLOR !== '0'
}

/** Returns a function that makes text bold if the stream has colours. */
export function boldOn(stream: NodeJS.WriteStream): (text: string) => string {
  return pico.createColors(hasColors(stream)).bold
}

/** Makes text coloured and bold if the stream has colours. */
export function paint(stream: NodeJS.WriteStream, color: 'red' | 'yellow' | 'green' | 'cyan', text: string): string {
  const colors = pico.createColors(hasColors(stream))
  return colors.bold(colors[color](text))
}
