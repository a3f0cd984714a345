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
 * A value as a person reads it, null where there is nothing.
 *
 * @param name its key, which tells sizes and times.
 * @param now what times are relative to; undefined for ISO 8601 UTC.
 */
export function readableCell(name: string, value: unknown, now?: Date): string | null {
  if (value === null || value === undefined || value === '') return null
  if (SIZE.test(name) && (typeof value === 'number' || typeof value === 'bigint')) return humanSize(value)
  if (TIME.test(name) && typeof value === 'string' && now !== undefined) return relativeTime(value, now)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value) && value.every((each) => typeof each !== 'object')) return value.join(', ') || null
  return typeof value === 'object' ? renderJson(value, 'line') : String(value)
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

/** How long ago an ISO 8601 time was, such as `3 days ago`; as it stands where it is none. */
function relativeTime(time: string, now: Date): string {
  const seconds = (new Date(time).getTime() - now.getTime()) / 1000
  if (Number.isNaN(seconds)) return time
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? (['second', 1] as const)
  return new Intl.RelativeTimeFormat('en').format(Math.trunc(seconds / length), unit)
}
