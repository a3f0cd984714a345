import { randomUUID } from 'node:crypto'

/** Renders a value as JSON for people and scripts; a bigint becomes a number with all of its digits. */
export function renderJson(value: unknown): string {
  // JSON.stringify can't write bigints; nothing that a stranger wrote holds this mark.
  const mark = randomUUID()
  const text = JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? `${mark}${field}` : field), 2)
  return text.includes(mark) ? text.replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1') : text
}
