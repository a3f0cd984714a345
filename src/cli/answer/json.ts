import { randomUUID } from 'node:crypto'
import { escapeUnsafe } from '../terminal/escape.ts'

/** `pretty`, in several lines, or `line`, in one. */
export type JsonForm = 'pretty' | 'line'

/**
 * Renders a value as JSON for people and scripts; a bigint becomes a number with
 * all of its digits, and characters that could upset a terminal are escaped,
 * which changes nothing of what the JSON says.
 */
export function renderJson(value: unknown, form: JsonForm = 'pretty'): string {
  const indent = form === 'pretty' ? 2 : undefined
  try {
    // Raw line ends are those between the fields.
    return escapeUnsafe(JSON.stringify(value, undefined, indent), '\n')
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return withBigints(value, indent)
  }
}

/** JSON.stringify can't write bigints, and asks about each value when it is told how, which takes several times as long. */
function withBigints(value: unknown, indent: number | undefined): string {
  // Nothing that a stranger wrote holds this mark.
  const mark = randomUUID()
  const text = JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? `${mark}${field}` : field), indent)
  return escapeUnsafe(text, '\n').replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1')
}
