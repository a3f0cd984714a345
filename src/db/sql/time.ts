/** Returns a time as it is stored in tables: `YYYY-MM-DD HH:MM:SS` in UTC, without fractions of a second. */
export function sqlTime(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ')
}

/** Returns a time from a table as ISO 8601 with the time zone, `YYYY-MM-DDTHH:MM:SSZ`. */
export function isoTime(sqlTime: string): string
export function isoTime(sqlTime: string | null): string | null
export function isoTime(sqlTime: string | null): string | null {
  return sqlTime === null ? null : `${sqlTime.slice(0, 10)}T${sqlTime.slice(11, 19)}Z`
}
