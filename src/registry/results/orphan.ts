import * as z from 'zod/mini'

/** A file that no object knows, or an object whose file is gone. */
export const orphan = z.object({
  kind: z.enum(['unknown_file', 'missing_file']),
  /** Canonical: of the storage that an unknown file lies in, or of the object whose file is missing. */
  id: z.string(),
  path: z.string(),
  /** Bytes of an unknown file; null where it vanished meanwhile, and of a missing one. */
  size: z.nullable(z.number()),
  /** Canonical ids of the images that aren't deleted and can't boot, as the file is missing. */
  images: z.array(z.string()),
})
