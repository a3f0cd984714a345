import * as z from 'zod/mini'
import { exact, time } from './common.ts'

/** An account as people and scripts see it. */
export const account = z.object({
  id: z.string(),
  description: z.nullable(z.string()),
  enabled: z.boolean(),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
})

/** An account and what it has. */
export const accountDetails = z.object({
  ...account.shape,
  /** The images that it owns and that aren't deleted. */
  image_count: z.int(),
  /** The bytes of these images' files as they lie in the storage; a file that several of them use counts once. */
  image_bytes: exact,
})
