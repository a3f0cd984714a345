import { isoTime, sqlTime } from '../db/time.ts'
import { type ErrorCode, VdcError } from '../errors.ts'

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
 *
 * @returns ISO 8601 UTC without a fraction, `YYYY-MM-DDTHH:MM:SSZ`.
 * @throws VdcError VALUE_REFUSED.
 */
export function parseTime(text: string): string {
  return isoSecond(instantOf(text, { day: '23:59:59', second: ':59' }), text, Math.floor)
}

/**
 * Reads the time from which or up to which things were made: as `parseTime`, but
 * the beginning of a day or minute; also how long ago, such as `90s`, `30min`,
 * `12h`, `7d` or `2w`.
 *
 * @returns the first whole second that is not before it, as the tables hold it.
 * @throws VdcError VALUE_REFUSED.
 */
export function parseBoundary(text: string, now: Date): string {
  const [, number, unit] = AGO.exec(text) ?? []
  const instant =
    unit === undefined
      ? instantOf(text, { day: '00:00:00', second: ':00' })
      : now.getTime() - Number(number) * (SECONDS[unit.toLowerCase()] as number) * 1000
  return sqlTime(new Date(isoSecond(instant, text, Math.ceil, ', 7d for seven days ago')))
}

/** @returns milliseconds, NaN for what is no time. */
function instantOf(text: string, missing: { day: string; second: string }): number {
  const [, day, clock, zone] = TIME.exec(text) ?? []
  const offset = (zone ?? 'Z').toUpperCase().replace(/^([+-]\d{2}):?(\d{2})$/, '$1:$2')
  const time = clock === undefined ? missing.day : clock.length === 5 ? `${clock}${missing.second}` : clock
  const midnight = new Date(`${day}T00:00:00Z`)
  // JavaScript takes 30 February for 2 March.
  const isDay = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(`${day}`)
  return isDay ? new Date(`${day}T${time}${offset}`).getTime() : Number.NaN
}

function isoSecond(instant: number, text: string, round: (seconds: number) => number, more = ''): string {
  const second = round(instant / 1000) * 1000
  if (second >= FIRST && second <= LAST) return `${new Date(second).toISOString().slice(0, 19)}Z`
  throw new VdcError('VALUE_REFUSED', `'${text}' is no time`, {
    hint: `Such as 2026-11-24, 2026-11-24 09:30 or 2026-11-24T09:30:00+09:00; without a zone it is UTC${more}`,
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
