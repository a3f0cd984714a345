import * as z from 'zod/mini'

/** Characters in a varchar(255) column; MySQL counts code points. */
const VARCHAR = 255
/** Bytes in a MySQL `text` column. */
const TEXT_BYTES = 65_535

/** C0, DEL and C1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finds control characters
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
/** The same, but tab and newline, which texts of several lines may contain. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finds control characters
const CONTROL_BUT_LINES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/

const wellFormed = z.refine<string>((text) => text.isWellFormed(), 'must be valid Unicode text')

/** A value for a varchar(255) column. */
export const line = z.string().check(
  wellFormed,
  z.refine((text) => !CONTROL.test(text), 'must not contain control characters'),
  z.refine((text) => [...text].length <= VARCHAR, `must not be longer than ${VARCHAR} characters`),
)

/** As `line`, of a form. The error continues the name of the value: `must be …`. */
export function matching(pattern: RegExp, error: string) {
  return line.check(z.refine((value) => pattern.test(value), error))
}

/** A value for a varchar(255) column that must not be blank. */
export const name = line.check(z.refine((text) => text.trim() !== '', 'must not be empty'))

/** A value for a `text` column: several lines, up to 65,535 bytes of UTF-8. */
export const text = z.string().check(
  wellFormed,
  z.refine((value) => !CONTROL_BUT_LINES.test(value), 'must not contain control characters'),
  z.refine((value) => Buffer.byteLength(value) <= TEXT_BYTES, `must not be longer than ${TEXT_BYTES} bytes`),
)

/** A value for a column that may be NULL; an empty string becomes null. */
export function clearable<T extends z.ZodMiniType<string, string>>(schema: T) {
  return z.nullable(
    z.pipe(
      schema,
      z.transform((value) => (value === '' ? null : value)),
    ),
  )
}

/** As `clearable`, with null as the default. */
export function orNull<T extends z.ZodMiniType<string, string>>(schema: T) {
  return z.prefault(clearable(schema), null)
}

const INT64_MAX = 2n ** 63n - 1n

/** A non-negative integer for a bigint column, as decimal digits; never rounded or clamped. */
export const int64 = z.pipe(
  z
    .string()
    .check(
      z.refine(
        (value) => /^[0-9]{1,40}$/.test(value) && BigInt(value) <= INT64_MAX,
        `must be a whole number of bytes, from 0 to ${INT64_MAX}`,
      ),
    ),
  z.transform((value) => String(BigInt(value))),
)

/** A string that is one of `values`. */
export function oneOf(values: readonly string[]) {
  return z.string().check(z.refine((value) => values.includes(value), `must be one of: ${values.join(', ')}`))
}
