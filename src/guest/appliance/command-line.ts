import { bytesOf } from '../tree/guest-path.ts'

/** Bytes of the longest line that guestfish reads as one command; what follows would be a command of its own. */
const LONGEST_LINE = 8000
/** Stands for the file that a command writes to, as an argument. */
export const OUTPUT = Symbol('output')
/** Stands for the file that a command reads, as an argument. */
export const INPUT = Symbol('input')
/** An argument of a command. Texts have one character per byte. */
export type Argument = string | typeof OUTPUT | typeof INPUT

/** Returns the line that runs a command in guestfish(1); undefined if it is too long. */
export function commandLine(command: string, args: readonly Argument[]): string | undefined {
  // With the hyphen, guestfish continues after an error.
  const line = `-${[command, ...args.map(wordOf)].join(' ')}`
  return line.length > LONGEST_LINE ? undefined : line
}

function wordOf(argument: Argument): string {
  if (argument === OUTPUT) return '/dev/fd/3'
  return argument === INPUT ? '/dev/fd/4' : quoted(argument)
}

/** Quotes an argument for guestfish(1), "Escape sequences in double quoted arguments". */
function quoted(text: string): string {
  const escaped = [...bytesOf(text)].map((byte) =>
    byte === 0x22 || byte === 0x5c || byte < 0x20 || byte > 0x7e
      ? `\\x${byte.toString(16).padStart(2, '0')}`
      : String.fromCharCode(byte),
  )
  return `"${escaped.join('')}"`
}
