import * as z from 'zod/mini'
import { ERROR_CODES } from '../../core/errors.ts'

const errorBody = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  details: z.optional(z.array(z.string())),
  hint: z.optional(z.string()),
  exit: z.int(),
})

/** An error in JSON output. */
export const error = z.object({ error: errorBody })
/** The error for one of several IDs. */
export const failure = z.object({ id: z.string(), error: errorBody })
