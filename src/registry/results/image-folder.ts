import * as z from 'zod/mini'
import { time } from './common.ts'

/** An image folder of this host. */
export const imageFolder = z.object({
  path: z.string(),
  /** Whether subfolders are included. */
  below: z.boolean(),
  added_at: time,
})

/** An image folder of this host, in results. */
export type ImageFolderDetails = z.output<typeof imageFolder>
