import type { Int64 } from '../../db/tables/rows.ts'

/** A whole number that is never rounded: a bigint where a number could not hold it. */
export type Exact = number | bigint

/** A value of a bigint column, exactly; null, as of a time for which the history doesn't tell it, stays null. */
export function exactInteger<T extends Int64 | null>(value: T): Exact | Extract<T, null>
export function exactInteger(value: Int64 | null): Exact | null {
  if (value === null) return null
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : BigInt(value)
}
