import { printable } from '../terminal/escape.ts'
import { humanSize, valueReader } from './cells.ts'

/** Bytes from which on a size has a unit. */
const KIBIBYTE = 1024

/**
 * Lays one thing out for people in lines `name: value`, the names of nested ones
 * joined by dots, in the order of its keys.
 *
 * @param now what times are relative to; undefined for ISO 8601 UTC.
 */
export function renderFields(value: object, now?: Date): string {
  const fields = flatten(value, '', now)
  const width = Math.max(0, ...fields.map(([name]) => name.length)) + 1
  return fields.map(([name, text]) => `${`${name}:`.padEnd(width)} ${text}`.trimEnd()).join('\n')
}

function flatten(value: object, prefix: string, now: Date | undefined): [string, string][] {
  return Object.entries(value).flatMap(([key, field]): [string, string][] => {
    const name = prefix + printable(key)
    if (field === null || field === undefined) return [[name, '-']]
    if (typeof field === 'object')
      return Object.keys(field).length === 0 ? [[name, '-']] : flatten(field, `${name}.`, now)
    const text = valueReader(key, now)(field)
    if (text === null) return [[name, '']]
    return [[name, printable(isSized(field, text) ? `${text} (${field} B)` : text)]]
  })
}

/** Whether a number is shown as a size of which the digits don't tell all bytes. */
function isSized(field: unknown, text: string): boolean {
  return (typeof field === 'number' || typeof field === 'bigint') && field >= KIBIBYTE && text === humanSize(field)
}
