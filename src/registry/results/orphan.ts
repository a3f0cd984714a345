import * as z from 'zod/mini'

/** A file that belongs to no backup object, or an object whose file is missing. */
export const orphan = z.object({
  kind: z.enum(['unknown_file', 'missing_file']),
  /** Canonical ID of the storage that contains an unknown file, or of the object whose file is missing. */
  id: z.string(),
  path: z.string(),
  /** Size of an unknown file in bytes; null if it has vanished, and for a missing file. */
  size: z.nullable(z.number()),
  /** Canonical IDs of the images that are not deleted and cannot boot because the file is missing. */
  images: z.array(z.string()),
})
