import * as z from 'zod/mini'

/** An image or file removed by a purge. */
export const purged = z.object({
  /** Canonical ID of the image, or of the backup object to which the file belonged. */
  id: z.string(),
  kind: z.enum(['image', 'file']),
  /** Path of a file; null for an image. */
  path: z.nullable(z.string()),
  /** Size of a file in bytes; null for an image. */
  bytes: z.nullable(z.number()),
})
