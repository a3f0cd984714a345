import * as z from 'zod/mini'
import type { Exact } from '../rules/int64.ts'

/*
 * What the registry answers, as schemas: the types of its functions, the keys
 * that `--columns` takes, and the JSON schemas of test/golden/results come from
 * them. Code imports them as types only, so that they cost nothing at start.
 */

/** A whole number that is never rounded. */
export const exact: z.ZodMiniType<Exact> = z.union([z.int(), z.bigint()])

/** ISO 8601 UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
export const time = z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/))

/** Labels by their names. */
export const labels = z.record(z.string(), z.string())

/** How many there are of what a list would hold. */
export const count = z.object({ count: z.int() })
