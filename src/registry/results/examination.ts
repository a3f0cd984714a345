import * as z from 'zod/mini'

/** One check of `doctor`. */
export const check = z.object({
  /** Stable name such as `database`, a host, or the canonical ID of a backup storage. */
  name: z.string(),
  result: z.enum(['ok', 'warning', 'failure']),
  message: z.string(),
  /** How to fix a warning or failure. */
  hint: z.optional(z.string()),
})

/** The result of `doctor`. */
export const examination = z.object({
  /** False if any check failed. */
  ok: z.boolean(),
  checks: z.array(check),
})
