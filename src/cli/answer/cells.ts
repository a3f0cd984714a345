import prettyBytes from 'pretty-bytes'
import { renderJson } from './json.ts'

/** Keys of sizes in bytes, and of times, in every answer. */
const SIZE = /(?:^|_)(?:size|bytes|space)$/
const TIME = /_at$/

/** A value as a script reads it in a cell: empty for null, JSON for what is nested, bytes, ISO 8601 UTC. */
export function plainCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? renderJson(value, 'line') : String(value)
}

/**
 * Makes a function that formats the values of a key for people; it returns null for an empty value.
 *
 * @param name the key; its name shows whether values are sizes or times.
 * @param now what times are relative to; undefined for ISO 8601 UTC.
 */
export function valueReader(name: string, now?: Date): (value: unknown) => string | null {
  const isSize = SIZE.test(name)
  const ago = now !== undefined && TIME.test(name) ? relativeTo(now) : undefined
  return (value) => {
    if (value === null || value === undefined || value === '') return null
    if (typeof value === 'string') return ago === undefined ? value : ago(value)
    if (isSize && (typeof value === 'number' || typeof value === 'bigint')) return humanSize(value)
    if (typeof value === 'boolean') return value ? 'yes' : 'no'
    if (Array.isArray(value) && value.every((each) => typeof each !== 'object')) return value.join(', ') || null
    return typeof value === 'object' ? renderJson(value, 'line') : String(value)
  }
}

/** A size for people, in units of 1024. */
export function humanSize(bytes: number | bigint): string {
  return prettyBytes(bytes, { binary: true })
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** Makes a function that says how long ago an ISO 8601 time was, such as `3 days ago`; it returns other texts unchanged. */
function relativeTo(now: Date): (time: string) => string {
  const words = new Intl.RelativeTimeFormat('en')
  return (time) => {
    const seconds = (new Date(time).getTime() - now.getTime()) / 1000
    if (Number.isNaN(seconds)) return time
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? (['second', 1] as const)
    return words.format(Math.trunc(seconds / length), unit)
  }
}
