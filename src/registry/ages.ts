import { VdcError } from '../errors.ts'
import { parseTime } from './times.ts'

/** Milliseconds of each unit. */
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 }

/**
 * Reads how long ago, as people type it: `90d`, `12h`, `2w`, or a date or time
 * (`parseTime`), of which a date alone is its beginning.
 *
 * @returns the moment, ISO 8601 UTC without a fraction, `YYYY-MM-DDTHH:MM:SSZ`.
 * @throws VdcError VALUE_REFUSED.
 */
export function parseAge(text: string, now = new Date()): string {
  const [, count, unit = ''] = /^([0-9]{1,6})([hdw])$/.exec(text) ?? []
  if (count !== undefined) {
    return `${new Date(now.getTime() - Number(count) * (UNITS[unit] as number)).toISOString().slice(0, 19)}Z`
  }
  try {
    return parseTime(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text)
  } catch {
    throw new VdcError('VALUE_REFUSED', `'${text}' is neither an age nor a time`, {
      hint: 'Such as 90d, 12h, 2w or 2026-11-24',
    })
  }
}
