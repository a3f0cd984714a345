import { valueReader } from '../cells.ts'

/**
 * Formats the old or new value of an attribute for people; `-` for none.
 *
 * @param now show times as ages at this time; undefined for ISO 8601 UTC.
 */
export function changedValue(attr: string, value: unknown, now?: Date): string {
  if (attr === 'features' && typeof value === 'object' && value !== null) {
    const set = Object.entries(value).map(([name, flag]) => (flag === true ? name : `${name}=${String(flag)}`))
    return set.join(', ') || '-'
  }
  return valueReader(attr, now)(value) ?? '-'
}

/** Formats the change of a label; a value of null or undefined is that of no label. */
export function labelChange(name: string, old: unknown, value: unknown): string {
  if (value === null || value === undefined) return `${name} removed`
  return old === undefined || old === null ? `${name}=${value}` : `${name}: ${old} → ${value}`
}
