import prettyBytes from 'pretty-bytes'
import { renderJson } from '../json.ts'

/** Keys of sizes in bytes, and of times, in every answer. */
const SIZE = /(?:^|_)(?:size|bytes|space)$/
const TIME = /_at$/

/** A value as a script reads it in a cell: empty for null, JSON for what is nested, bytes, ISO 8601 UTC. */
export function plainCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? renderJson(value, 'line') : String(value)
}

/**
 * Makes what tells how a person reads the values of a key, null where there is nothing.
 *
 * @param name the key, which tells sizes and times.
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

/** Makes what tells how long ago an ISO 8601 time was, such as `3 days ago`; as it stands where it is none. */
function relativeTo(now: Date): (time: string) => string {
  const words = new Intl.RelativeTimeFormat('en')
  return (time) => {
    const seconds = (new Date(time).getTime() - now.getTime()) / 1000
    if (Number.isNaN(seconds)) return time
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? (['second', 1] as const)
    return words.format(Math.trunc(seconds / length), unit)
  }
}
