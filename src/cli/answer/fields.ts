import { printable } from '../terminal/escape.ts'
import { humanSize, valueReader } from './cells.ts'

const KIBIBYTE = 1024

/**
 * Formats an object as lines `name: value`, in the order of its keys. The names of nested values
 * are joined by dots.
 *
 * @param now show times as ages at this time; undefined for ISO 8601 UTC.
 */
export function renderFields(value: object, now?: Date): string {
  const fields = flatten(value, '', now)
  const width = Math.max(0, ...fields.map(([name]) => name.length)) + 1
  return fields.map(([name, text]) => `${`${name}:`.padEnd(width)} ${text}`.trimEnd()).join('\n')
}

function flatten(value: object, prefix: string, now: Date | undefined): [string, string][] {
  return Object.entries(value).flatMap(([key, field]): [string, string][] => {
    const name = prefix + printable(key)
    if (typeof field === 'object' && field !== null && Object.keys(field).length > 0)
      return flatten(field, `${name}.`, now)
    const text = typeof field === 'object' ? null : valueReader(key, now)(field)
    if (text === null) return [[name, '-']]
    return [[name, printable(isSized(field, text) ? `${text} (${field} B)` : text)]]
  })
}

/** Returns true if `text` shows a size in a unit, so that the exact number of bytes must be added. */
function isSized(field: unknown, text: string): boolean {
  return (typeof field === 'number' || typeof field === 'bigint') && field >= KIBIBYTE && text === humanSize(field)
}
