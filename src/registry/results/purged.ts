import * as z from 'zod/mini'

/** Something that is removed. */
export const purged = z.object({
  /** Canonical: of the image, or of the backup object whose file it was. */
  id: z.string(),
  kind: z.enum(['image', 'file']),
  /** Of a file. */
  path: z.nullable(z.string()),
  /** That the file held. */
  bytes: z.nullable(z.number()),
})
