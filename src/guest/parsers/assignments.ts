import { linesOf } from './lines.ts'

/** The value of a variable, and its line. */
export interface Assigned {
  value: string
  line: number
}

/**
 * Reads a file of shell assignments such as os-release(5), an ifcfg file or /etc/default/grub.
 * Expansions are not done. The last assignment of a variable counts.
 *
 * @returns the values by the names of their variables, in the order of the file.
 */
export function assignmentsIn(text: string): Map<string, Assigned> {
  const found = new Map<string, Assigned>()
  for (const { number, text: line } of linesOf(text)) {
    const [, name, value] = /^(?:export[ \t]+)?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined) found.set(name, { value: unquoted(value), line: number })
  }
  return found
}

function unquoted(value: string): string {
  const quote = value[0]
  if (quote !== '"' && quote !== "'") return value.split(/[\s;]/, 1)[0] as string
  const end = value.indexOf(quote, 1)
  return end === -1 ? value.slice(1) : value.slice(1, end)
}
