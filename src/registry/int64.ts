import type { Int64 } from '../db/rows.ts'

/** A whole number that is never rounded: a bigint where a number could not hold it. */
export type Exact = number | bigint

/** A value of a bigint column, exactly. */
export function exactInteger(value: Int64): Exact {
  const exact = BigInt(value)
  return exact <= Number.MAX_SAFE_INTEGER && exact >= Number.MIN_SAFE_INTEGER ? Number(exact) : exact
}
