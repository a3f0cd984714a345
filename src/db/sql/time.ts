/** The time as the tables hold it: `YYYY-MM-DD HH:MM:SS`, UTC whatever the time zone, no fraction. */
export function sqlTime(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ')
}

/** A time of the tables as ISO 8601 with its zone, `YYYY-MM-DDTHH:MM:SSZ`. */
export function isoTime(sqlTime: string): string
export function isoTime(sqlTime: string | null): string | null
export function isoTime(sqlTime: string | null): string | null {
  return sqlTime === null ? null : `${sqlTime.slice(0, 10)}T${sqlTime.slice(11, 19)}Z`
}
