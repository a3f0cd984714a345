import { randomUUID } from 'node:crypto'
import { escapeUnsafe } from '../terminal/escape.ts'

/** `pretty` has several lines, `line` has one. */
export type JsonForm = 'pretty' | 'line'

/**
 * Renders a value as JSON. A bigint becomes a number with all of its digits. Characters that could
 * change the state of a terminal are escaped, which does not change the value.
 */
export function renderJson(value: unknown, form: JsonForm = 'pretty'): string {
  const indent = form === 'pretty' ? 2 : undefined
  try {
    // Unescaped newlines are only between the fields.
    return escapeUnsafe(JSON.stringify(value, undefined, indent), '\n')
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return withBigints(value, indent)
  }
}

/** Renders values with bigints. JSON.stringify needs a replacer for them, which makes it several times slower. */
function withBigints(value: unknown, indent: number | undefined): string {
  // No text in a registry contains a random mark.
  const mark = randomUUID()
  const text = JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? `${mark}${field}` : field), indent)
  return escapeUnsafe(text, '\n').replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1')
}
