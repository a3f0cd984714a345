import * as z from 'zod/mini'

/** What the look at one thing came to. */
export const check = z.object({
  /** Stable, such as `database`; of a backup storage its id. */
  name: z.string(),
  result: z.enum(['ok', 'warning', 'failure']),
  message: z.string(),
  /** The way out of a warning or a failure. */
  hint: z.optional(z.string()),
})

/** All that was looked at. */
export const examination = z.object({
  /** False where anything failed. */
  ok: z.boolean(),
  checks: z.array(check),
})
