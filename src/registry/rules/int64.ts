import type { Int64 } from '../../db/tables/rows.ts'

/** An exact integer: a bigint if it exceeds the safe range of a number. */
export type Exact = number | bigint

/**
 * Converts the value of a bigint column without rounding. Returns null for null, for
 * example for a value that the history does not record.
 */
export function exactInteger<T extends Int64 | null>(value: T): Exact | Extract<T, null>
export function exactInteger(value: Int64 | null): Exact | null {
  if (value === null) return null
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : BigInt(value)
}
