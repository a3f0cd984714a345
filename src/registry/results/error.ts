import * as z from 'zod/mini'
import { ERROR_CODES } from '../../core/errors.ts'

const errorBody = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  hint: z.optional(z.string()),
  exit: z.int(),
})

/** How an error is told where answers are JSON. */
export const error = z.object({ error: errorBody })
/** One of several things that failed, beside those that did not. */
export const failure = z.object({ id: z.string(), error: errorBody })
