import * as z from 'zod/mini'
import { time } from './common.ts'

/** A folder of this host that holds images. */
export const imageFolder = z.object({
  path: z.string(),
  /** Whether files in folders below it count too. */
  below: z.boolean(),
  added_at: time,
})

/** A folder of this host that holds images, as people and scripts see it. */
export type ImageFolderDetails = z.output<typeof imageFolder>
