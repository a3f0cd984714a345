import * as z from 'zod/mini'
import { error } from './error.ts'

/** What a file is, and whether it may be registered: keys are those of columns where there is one. */
export const fileReport = z.object({
  path: z.string(),
  acceptable: z.boolean(),
  /** Null where it could not be told, as in all that follows. */
  file_format: z.nullable(z.string()),
  version: z.nullable(z.number()),
  features: z.array(z.string()),
  contents: z.array(z.string()),
  arch: z.nullable(z.string()),
  container_format: z.nullable(z.string()),
  /** Bytes of the disk. */
  virtual_size: z.nullable(z.number()),
  /** Bytes of the disk image when it is unpacked. */
  size: z.nullable(z.number()),
  /** Bytes of the file. */
  allocation_size: z.nullable(z.number()),
  /** Hex; of the file, also where it is packed. */
  md5: z.nullable(z.string()),
  sha256: z.nullable(z.string()),
  warnings: z.array(z.string()),
  refusals: z.array(z.object({ message: z.string(), hint: z.optional(z.string()) })),
  /** The first refusal, as errors are told everywhere. */
  error: z.optional(error.shape.error),
})

/** What became of the check of one image. */
export const verification = z.object({
  id: z.string(),
  /** `differs` also where the file is missing; `not_checked` where this host can't tell. */
  result: z.enum(['ok', 'differs', 'not_checked']),
  path: z.nullable(z.string()),
  /** Each in a few words; of what was not checked, why. */
  differences: z.array(z.string()),
  /** Whether that is a failure: a storage elsewhere is none. */
  failed: z.optional(z.boolean()),
})

/** What came of them all. */
export const verifySummary = z.object({
  images: z.array(verification),
  ok: z.int(),
  differs: z.int(),
  not_checked: z.int(),
  /** Images of which nothing is known, as the check was interrupted. */
  unknown: z.int(),
  error: z.optional(error.shape.error),
})
