import * as z from 'zod/mini'
import { time } from './common.ts'

/** An account as people and scripts see it. */
export const account = z.object({
  id: z.string(),
  description: z.nullable(z.string()),
  enabled: z.boolean(),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
})
