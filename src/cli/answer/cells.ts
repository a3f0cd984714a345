import prettyBytes from 'pretty-bytes'
import { renderJson } from './json.ts'

/** Matches the keys of sizes in bytes. */
const SIZE = /(?:^|_)(?:size|bytes|space)$/
/** Matches the keys of times. */
const TIME = /_at$/

/** Formats a value as an exact cell for scripts: null is empty, nested values are JSON, sizes are in bytes, times in ISO 8601 UTC. */
export function plainCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? renderJson(value, 'line') : String(value)
}

/**
 * Returns a function that formats the values of a key for people. It returns null for an empty value.
 *
 * @param name the key, which determines whether values are sizes or times.
 * @param now show times as ages at this time; undefined for ISO 8601 UTC.
 */
export function valueReader(name: string, now?: Date): (value: unknown) => string | null {
  const isSize = SIZE.test(name)
  const ago = now !== undefined && TIME.test(name) ? relativeTo(now) : undefined
  return (value) => {
    if (value === null || value === undefined || value === '') return null
    if (typeof value === 'string') return ago === undefined ? value : ago(value)
    if (isSize && (typeof value === 'number' || typeof value === 'bigint')) return humanSize(value)
    return readableValue(value)
  }
}

/** Formats a value that is neither a text nor a size for people. Returns null for an empty list. */
function readableValue(value: unknown): string | null {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value) && value.every((each) => typeof each !== 'object')) return value.join(', ') || null
  return plainCell(value)
}

/** Formats a size in bytes for people, in units of 1024, such as `8 GiB`. */
export function humanSize(bytes: number | bigint): string {
  return prettyBytes(bytes, { binary: true })
}

/** Formats a number of things, such as `2 errors`. */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** Returns a function that formats an ISO 8601 time as an age, such as `3 days ago`. It returns other texts unchanged. */
function relativeTo(now: Date): (time: string) => string {
  const words = new Intl.RelativeTimeFormat('en')
  return (time) => {
    const seconds = (new Date(time).getTime() - now.getTime()) / 1000
    if (Number.isNaN(seconds)) return time
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? (['second', 1] as const)
    return words.format(Math.trunc(seconds / length), unit)
  }
}
