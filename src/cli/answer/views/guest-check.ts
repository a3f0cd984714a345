import type { CheckReport, GuestReport } from '../../../registry/image/check/check-guests.ts'
import { paint } from '../../terminal/color.ts'
import { printable } from '../../terminal/escape.ts'
import { detailIndent, outputWidth, wrapIndented, wrapMessage } from '../../terminal/wrap.ts'
import { counted } from '../cells.ts'

type Evidence = CheckReport['evidence'][number]

const COLORS = { ok: 'green', warning: 'yellow', error: 'red' } as const
const RESULT_WIDTH = 'not applicable'.length
/** Characters of the longest ID of a check. */
const ID_WIDTH = 'secret.passwords'.length

/**
 * Returns a function that formats the results of checks for people, one guest after the other.
 *
 * @param isHeaded name each guest above its results, because there are several.
 */
export function checkRenderer(isHeaded: boolean): (report: CheckReport) => string {
  let last: string | undefined
  return (report) => {
    const heading =
      isHeaded && report.guest !== last ? `${last === undefined ? '' : '\n'}${printable(report.guest)}:\n` : ''
    last = report.guest
    return heading + renderCheck(report)
  }
}

/**
 * Formats the result of a check for people: a line, the evidence below it, and the remedy. Wraps the lines for
 * a terminal.
 */
export function renderCheck({ check, result, message, evidence, more, remedy }: CheckReport): string {
  const width = outputWidth()
  const word = result.replace('_', ' ').padEnd(RESULT_WIDTH)
  const color = COLORS[result as keyof typeof COLORS]
  const painted = color === undefined ? word : paint(process.stdout, color, word)
  const indent = detailIndent(RESULT_WIDTH + ID_WIDTH + 4)
  const indented = (text: string) => wrapMessage(printable(text), width - indent.length).replaceAll(/^/gm, indent)
  const known = result === 'unknown' ? evidence.filter(({ path }) => path !== null) : evidence
  return [
    wrapIndented(`${painted}  ${check.padEnd(ID_WIDTH)}  ${printable(message)}`, indent),
    ...known
      .map((each) => textOf(each, message))
      .filter((line) => line !== '')
      .map(indented),
    ...(more === 0 ? [] : [indented(`and ${more} more`)]),
    ...(remedy === null ? [] : [indented(`Remedy: ${remedy}`)]),
  ].join('\n')
}

/** Formats evidence on one line: where it is, and what is written there. */
export function evidenceLine({ path, line, value, message }: Evidence): string {
  const place = [path, line].filter((part) => part !== null).join(':')
  return [place, value ?? (place === '' ? message : null)].filter((part) => part !== null && part !== '').join(': ')
}

/** Adds what was found, if the line of the check does not say only that. */
function textOf(evidence: Evidence, message: string): string {
  const { path, result, message: found } = evidence
  if (found === message) return path === null ? '' : evidenceLine(evidence)
  const about = result === 'unknown' ? `unknown: ${found}` : found
  return path === null ? about : `${evidenceLine(evidence)} (${about})`
}

/** Formats the result of all checks of a guest on one line. */
export function guestSentence({ guest, ready, system, errors, warnings, notes, unknown }: GuestReport): string {
  const counts = [counted(errors, 'error'), counted(warnings, 'warning'), counted(notes, 'note'), `${unknown} unknown`]
  const name = system?.name == null ? '' : ` (${system.name})`
  return `${guest}${name}: ${ready ? 'ready' : 'not ready'}: ${counts.join(', ')}`
}
