import { type ErrorCode, VdcError } from '../../core/errors.ts'
import { isoTime, sqlTime } from '../../db/sql/time.ts'

/** ISO 8601, as far as people type it: a date, or a date and a time, with or without a zone. */
const TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i

/** How long ago: 90s, 30min, 12h, 7d, 2w. */
const AGO = /^(\d{1,9})(s|min|h|d|w)$/i
const SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, d: 86_400, w: 604_800 }
/** The last second that `datetime` columns and ISO 8601 with four digits hold. */
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59)
const FIRST = new Date('0000-01-01T00:00:00Z').getTime()

/**
 * Reads a time as people type it: `2026-11-24`, `2026-11-24 09:30` (their ends),
 * `2026-11-24T09:30:00Z`, `…+09:00`; without a zone it is UTC, as all times here.
 * Also how long ago, such as `90s`, `30min`, `12h`, `7d` or `2w`.
 *
 * @param option what messages call it, such as `at`.
 * @returns ISO 8601 UTC without a fraction, `YYYY-MM-DDTHH:MM:SSZ`.
 * @throws VdcError VALUE_REFUSED.
 */
export function parseTime(option: string, text: string, now: Date): string {
  return isoSecond(option, text, Math.floor(instantOf(text, now, { day: '23:59:59', second: ':59' }) / 1000))
}

/**
 * Reads the time from which or up to which things were made: as `parseTime`, but
 * the beginning of a day or minute.
 *
 * @param option what messages call it, such as `created_after`.
 * @returns the first whole second that is not before it, as the tables hold it.
 * @throws VdcError VALUE_REFUSED.
 */
export function parseBoundary(option: string, text: string, now: Date): string {
  const second = Math.ceil(instantOf(text, now, { day: '00:00:00', second: ':00' }) / 1000)
  return sqlTime(new Date(isoSecond(option, text, second)))
}

/** @returns milliseconds, NaN for what is no time. */
function instantOf(text: string, now: Date, missing: { day: string; second: string }): number {
  const [, number, unit] = AGO.exec(text) ?? []
  if (unit !== undefined) return now.getTime() - Number(number) * (SECONDS[unit.toLowerCase()] as number) * 1000
  const [, day, clock, zone] = TIME.exec(text) ?? []
  const offset = (zone ?? 'Z').toUpperCase().replace(/^([+-]\d{2}):?(\d{2})$/, '$1:$2')
  const time = clock === undefined ? missing.day : clock.length === 5 ? `${clock}${missing.second}` : clock
  const midnight = new Date(`${day}T00:00:00Z`)
  // JavaScript takes 30 February for 2 March.
  const isDay = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(`${day}`)
  return isDay ? new Date(`${day}T${time}${offset}`).getTime() : Number.NaN
}

function isoSecond(option: string, text: string, second: number): string {
  const instant = second * 1000
  if (instant >= FIRST && instant <= LAST) return `${new Date(instant).toISOString().slice(0, 19)}Z`
  const days = /^\d{1,3}$/.test(text) ? `${text}d is ${text} days ago. ` : ''
  throw new VdcError('VALUE_REFUSED', `${option} '${text}' is no time`, {
    hint: `${days}Such as 2026-11-24, 2026-11-24 09:30 or 2026-11-24T09:30:00+09:00, without a zone it is UTC; or 90s, 30min, 12h, 7d or 2w ago`,
  })
}

/**
 * Makes sure that a thing was there at a time.
 *
 * @param createdAt as the tables hold it.
 * @throws VdcError `code`.
 */
export function existedAt(id: string, createdAt: string, time: string, code: ErrorCode): void {
  if (isoTime(createdAt) <= time) return
  throw new VdcError(code, `${id} was not there at ${time}`, { hint: `It was made at ${isoTime(createdAt)}` })
}
