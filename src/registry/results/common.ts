import * as z from 'zod/mini'
import type { Exact } from '../rules/int64.ts'

/*
 * Schemas of the registry's results. The result types of its functions, the keys that
 * `--columns` accepts, and the JSON schemas in test/golden/results are derived from
 * them. Code imports them as types only, so they do not slow down the start.
 */

/** An integer that is never rounded. */
export const exact: z.ZodMiniType<Exact> = z.union([z.int(), z.bigint()])

/** ISO 8601 UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
export const time = z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/))

/** Values of labels by name. */
export const labels = z.record(z.string(), z.string())

/** The number of entries in a list. */
export const count = z.object({ count: z.int() })
