import { isoTime } from '../db/time.ts'
import { type ErrorCode, VdcError } from '../errors.ts'

/** ISO 8601, as far as people type it: a date, or a date and a time, with or without a zone. */
const TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i

/**
 * Reads a time as people type it: `2026-11-24`, `2026-11-24 09:30` (their ends),
 * `2026-11-24T09:30:00Z`, `…+09:00`; without a zone it is UTC, as all times here.
 *
 * @returns ISO 8601 UTC without a fraction, `YYYY-MM-DDTHH:MM:SSZ`.
 * @throws VdcError VALUE_REFUSED.
 */
export function parseTime(text: string): string {
  const [, day, clock, zone] = TIME.exec(text) ?? []
  const offset = (zone ?? 'Z').toUpperCase().replace(/^([+-]\d{2}):?(\d{2})$/, '$1:$2')
  const time = new Date(
    `${day}T${clock === undefined ? '23:59:59' : clock.length === 5 ? `${clock}:59` : clock}${offset}`,
  )
  const midnight = new Date(`${day}T00:00:00Z`)
  // JavaScript takes 30 February for 2 March.
  const isDay = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(`${day}`)
  if (Number.isNaN(time.getTime()) || !isDay) {
    throw new VdcError('VALUE_REFUSED', `'${text}' is no time`, {
      hint: 'Such as 2026-11-24, 2026-11-24 09:30 or 2026-11-24T09:30:00+09:00; without a zone it is UTC',
    })
  }
  return `${time.toISOString().slice(0, 19)}Z`
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
