import { type ErrorCode, VdcError } from '../../core/errors.ts'
import { isoTime, sqlTime } from '../../db/sql/time.ts'

/** The forms of ISO 8601 that users type: a date, or a date and a time with or without a zone. */
const TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i

/** An age: 90s, 30min, 12h, 7d, 2w. */
const AGO = /^(\d{1,9})(s|min|h|d|w)$/i
const SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, d: 86_400, w: 604_800 }
/** The last second that fits `datetime` columns and ISO 8601 years of four digits. */
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59)
const FIRST = new Date('0000-01-01T00:00:00Z').getTime()

/**
 * Parses a time given by a user: `2026-11-24`, `2026-11-24 09:30`,
 * `2026-11-24T09:30:00Z`, `…+09:00`, or an age such as `90s`, `30min`, `12h`, `7d`
 * or `2w`. A date or minute means its end. Without a zone, the time is UTC.
 *
 * @param option name of the option for error messages, such as `at`.
 * @returns ISO 8601 UTC without a fraction, `YYYY-MM-DDTHH:MM:SSZ`.
 * @throws VdcError VALUE_REFUSED if the text is not a valid time.
 */
export function parseTime(option: string, text: string, now: Date): string {
  return isoSecond(option, text, Math.floor(instantOf(text, now, { day: '23:59:59', second: ':59' }) / 1000))
}

/**
 * Parses the time of a filter such as `created_after`. Accepts the forms of
 * `parseTime`, but a date or minute means its beginning.
 *
 * @param option name of the option for error messages.
 * @returns the time, rounded up to a whole second, as stored in the tables.
 * @throws VdcError VALUE_REFUSED if the text is not a valid time.
 */
export function parseBoundary(option: string, text: string, now: Date): string {
  const second = Math.ceil(instantOf(text, now, { day: '00:00:00', second: ':00' }) / 1000)
  return sqlTime(new Date(isoSecond(option, text, second)))
}

/** Returns milliseconds since the epoch; NaN if the text is not a valid time. */
function instantOf(text: string, now: Date, missing: { day: string; second: string }): number {
  const [, number, unit] = AGO.exec(text) ?? []
  if (unit !== undefined) return now.getTime() - Number(number) * (SECONDS[unit.toLowerCase()] as number) * 1000
  const [, day, clock, zone] = TIME.exec(text) ?? []
  const offset = (zone ?? 'Z').toUpperCase().replace(/^([+-]\d{2}):?(\d{2})$/, '$1:$2')

  const midnight = new Date(`${day}T00:00:00Z`)
  // JavaScript reads 30 February as 2 March.
  const isDay = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(`${day}`)
  return isDay ? new Date(`${day}T${withSeconds(clock, missing)}${offset}`).getTime() : Number.NaN
}

function withSeconds(clock: string | undefined, missing: { day: string; second: string }): string {
  if (clock === undefined) return missing.day
  return clock.length === 'HH:MM'.length ? `${clock}${missing.second}` : clock
}

function isoSecond(option: string, text: string, second: number): string {
  const instant = second * 1000
  if (instant >= FIRST && instant <= LAST) return `${new Date(instant).toISOString().slice(0, 19)}Z`
  const days = /^\d{1,3}$/.test(text) ? `For ${text} days ago, write ${text}d. ` : ''
  throw new VdcError('VALUE_REFUSED', `${option} '${text}' is not a valid time`, {
    hint: `${days}Use a time such as 2026-11-24, 2026-11-24 09:30 or 2026-11-24T09:30:00+09:00 (UTC unless it has a zone), or an age such as 90s, 30min, 12h, 7d or 2w`,
  })
}

/**
 * Checks that a thing existed at a time.
 *
 * @param createdAt as stored in the tables.
 * @param time ISO 8601 UTC.
 * @throws VdcError `code` if the thing was created later.
 */
export function existedAt(id: string, createdAt: string, time: string, code: ErrorCode): void {
  if (isoTime(createdAt) <= time) return
  throw new VdcError(code, `${id} did not exist at ${time}`, { hint: `It was created at ${isoTime(createdAt)}` })
}
