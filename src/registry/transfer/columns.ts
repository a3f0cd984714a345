import type { Int64 } from '../../db/tables/rows.ts'
import { type Kind, prefixOf } from '../rules/identifiers.ts'

/*
 * Checks of the values in a line. An import checks dozens of them per line, so these are
 * plain functions: zod takes five times as long.
 */

/** The valid values of a key. */
export interface Column<T> {
  /** Returns why a value is not valid, such as `must be text`; undefined if it is valid. */
  problem(value: unknown): string | undefined
  /** Converts a valid value to its normal form. */
  normal?(value: T): T
  /** Whether the key may be left out. */
  isOptional?: true
}

/** The keys of a line, or of an object in it. */
export type Keys = readonly (readonly [name: string, column: Column<never>])[]

/** The value of a key. */
export type ValueOf<C> = C extends Column<infer T> ? T : never

const VARCHAR = 255
const TEXT_BYTES = 65_535
const INT32 = 2 ** 31
const INT64_MAX = 2n ** 63n - 1n

function column<T>(problem: Column<T>['problem']): Column<T> {
  return { problem }
}

/** Returns a column whose values are valid if `isValid` returns true. Otherwise, `must` is the problem. */
function simple<T>(isValid: (value: unknown) => boolean, must: string): Column<T> {
  return column((value) => (isValid(value) ? undefined : must))
}

const words = (isTooLong: (text: string) => boolean, most: string) =>
  column<string>((value) => {
    if (typeof value !== 'string') return 'must be text'
    if (!value.isWellFormed() || value.includes('\u0000')) return 'must be valid Unicode text'
    return isTooLong(value) ? `must not be longer than ${most}` : undefined
  })
/** Text for a varchar(255) column. */
export const line = words((text) => text.length > VARCHAR && [...text].length > VARCHAR, `${VARCHAR} characters`)
/** Text for a `text` column. */
export const text = words(
  (value) => value.length > TEXT_BYTES / 3 && Buffer.byteLength(value) > TEXT_BYTES,
  `${TEXT_BYTES} bytes`,
)

const isInt32 = (value: unknown) => Number.isInteger(value) && (value as number) >= -INT32 && (value as number) < INT32
/** A signed integer of 32 bits. */
export const int32 = simple<number>(isInt32, 'must be a whole number')
/** A number of lines. */
export const count = simple<number>((value) => isInt32(value) && (value as number) >= 0, 'must be a whole number')
/** A boolean, stored as 0 or 1. */
export const flag = simple<number>((value) => value === 0 || value === 1, 'must be 0 or 1')
/** A number from 0 to 100. */
export const percent = simple<number>(
  (value) => typeof value === 'number' && value >= 0 && value <= 100,
  'must be a number from 0 to 100',
)
/** The version of a registry file. `read.ts` checks whether it is supported. */
export const version = simple<number>(Number.isFinite, 'must be a number')

/** A non-negative integer of 64 bits: a decimal string if JSON cannot represent it exactly. */
export const bigint: Column<Int64> = {
  problem: (value) =>
    (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) ||
    (typeof value === 'string' && /^[0-9]{1,19}$/.test(value) && BigInt(value) <= INT64_MAX)
      ? undefined
      : `must be a whole number from 0 to ${INT64_MAX}, in quotes if JSON cannot represent it exactly`,
  normal: (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(BigInt(value))),
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
/** Times on days 1 to 28, which every month has. Other days are checked with a calendar. */
const SURE = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/
/** A valid time in ISO 8601 UTC without a fraction. */
export const time = column<string>((value) => {
  if (typeof value !== 'string') return 'must be a time'
  return SURE.test(value) || (TIME.test(value) && new Date(value).toJSON()?.slice(0, 19) === value.slice(0, 19))
    ? undefined
    : 'must be a time such as 2026-11-24T09:30:00Z'
})

const isId = (kind: Kind) => {
  const form = new RegExp(`^${prefixOf(kind)}[A-Za-z0-9_]+$`)
  return (value: unknown) => typeof value === 'string' && value.length <= VARCHAR && form.test(value)
}
/** A canonical ID. */
export const id = (kind: Kind) => simple<string>(isId(kind), `must be an ID such as ${prefixOf(kind)}k3x9q0bz`)
/** A canonical ID, null, or the empty string, which Wakame-vdc writes to some nullable columns. */
export const idOrNothing = (kind: Kind) => {
  const isKindId = isId(kind)
  return simple<string | null>(
    (value) => value === null || value === '' || isKindId(value),
    `must be null or an ID such as ${prefixOf(kind)}k3x9q0bz`,
  )
}

/** One of `values`. */
export const oneOf = <T>(...values: readonly T[]) =>
  simple<T>((value) => values.includes(value as T), `must be ${values.join(' or ')}`)

/** A value of `inner`, or null. */
export const nullable = <T>(inner: Column<T>) =>
  column<T | null>((value) => (value === null ? undefined : inner.problem(value)))

/** A value of `inner`; the key may be left out. */
export const optional = <T>(inner: Column<T>): Column<T | undefined> => ({ problem: inner.problem, isOptional: true })

/** An object within a line. Check its keys with a `problemIn` of its own. */
export const object = simple<Record<string, unknown>>(isObject, 'must be an object')

/** Returns whether a JSON value is an object, and not an array or null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Checks the keys of an object and converts their values to their normal form.
 *
 * @param path of the object within its line; empty for the line itself.
 * @returns the first key whose value is not valid, or else the unknown keys, in words; undefined if the object is valid.
 */
export function problemIn(keys: Keys, value: Record<string, unknown>, path = ''): string | undefined {
  let known = 0
  for (const [name, { problem, normal, isOptional }] of keys) {
    if (isOptional && !Object.hasOwn(value, name)) continue
    const wrong = problem(value[name])
    if (wrong !== undefined) return `${path && `${path}.`}${name} ${wrong}`
    if (normal !== undefined) value[name] = normal(value[name] as never)
    known++
  }
  const names = Object.keys(value)
  if (names.length === known) return undefined
  const unknown = names.filter((name) => !keys.some(([key]) => key === name))
  return `${path || 'it'} has unknown keys: ${unknown.join(', ')}`
}
