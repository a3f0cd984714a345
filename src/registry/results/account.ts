import * as z from 'zod/mini'
import { exact, time } from './common.ts'

/** An account. */
export const account = z.object({
  id: z.string(),
  description: z.nullable(z.string()),
  enabled: z.boolean(),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
})

/** An account with the number and size of its images. */
export const accountDetails = z.object({
  ...account.shape,
  /** Number of its images that are not deleted. */
  image_count: z.int(),
  /** Total size in bytes of the files of these images in the storages. A file used by several images counts once. */
  image_bytes: exact,
})
