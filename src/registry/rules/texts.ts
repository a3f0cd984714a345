import * as z from 'zod/mini'

/** Characters of a varchar(255) column; MySQL counts code points. */
const VARCHAR = 255
/** Bytes of a MySQL `text` column. */
const TEXT_BYTES = 65_535

/** C0, DEL and C1; and, for texts of several lines, all of these but tab and newline. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL_BUT_LINES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/

const wellFormed = z.refine<string>((text) => text.isWellFormed(), 'must be valid text')

/** A value for a varchar(255) column. */
export const line = z.string().check(
  wellFormed,
  z.refine((text) => !CONTROL.test(text), 'must not hold control characters'),
  z.refine((text) => [...text].length <= VARCHAR, `must not be longer than ${VARCHAR} characters`),
)

/** A value for a varchar(255) column that must say something. */
export const name = line.check(z.refine((text) => text.trim() !== '', 'must not be empty'))

/** A value for a text column: several lines, up to 65,535 bytes of UTF-8. */
export const text = z.string().check(
  wellFormed,
  z.refine((value) => !CONTROL_BUT_LINES.test(value), 'must not hold control characters'),
  z.refine((value) => Buffer.byteLength(value) <= TEXT_BYTES, `must not be longer than ${TEXT_BYTES} bytes`),
)

/** A value for a column that may be NULL; the empty text is NULL. */
export function clearable<T extends z.ZodMiniType<string, string>>(schema: T) {
  return z.nullable(
    z.pipe(
      schema,
      z.transform((value) => (value === '' ? null : value)),
    ),
  )
}

/** As `clearable`, and NULL where nothing is given. */
export function orNull<T extends z.ZodMiniType<string, string>>(schema: T) {
  return z.prefault(clearable(schema), null)
}

const INT64_MAX = 2n ** 63n - 1n

/** A whole number for a bigint column, as decimal digits; never rounded or clamped. */
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

/** One of some values. */
export function oneOf(values: readonly string[]) {
  return z.string().check(z.refine((value) => values.includes(value), `must be one of: ${values.join(', ')}`))
}
