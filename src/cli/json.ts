import { randomUUID } from 'node:crypto'
import { escapeUnsafe } from './printable.ts'

/** `pretty`, in several lines, or `line`, in one. */
export type JsonForm = 'pretty' | 'line'

/**
 * Renders a value as JSON for people and scripts; a bigint becomes a number with
 * all of its digits, and characters that could upset a terminal are escaped,
 * which changes nothing of what the JSON says.
 */
export function renderJson(value: unknown, form: JsonForm = 'pretty'): string {
  let mark: string | undefined
  const text = JSON.stringify(
    value,
    (_, field) => {
      if (typeof field !== 'bigint') return field
      // JSON.stringify can't write bigints; nothing that a stranger wrote holds this mark.
      mark ??= randomUUID()
      return `${mark}${field}`
    },
    form === 'pretty' ? 2 : undefined,
  )
  // Raw line ends are those between the fields.
  const safe = escapeUnsafe(text, '\n')
  return mark === undefined ? safe : safe.replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1')
}
