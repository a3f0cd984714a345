import * as z from 'zod/mini'
import { error } from './error.ts'
import { guestReport } from './guest.ts'

/** The inspection of a file. Keys have the names of the corresponding columns. */
export const fileReport = z.object({
  path: z.string(),
  /** Whether the file may be registered. */
  acceptable: z.boolean(),
  /** Null if unknown, like all fields below. */
  file_format: z.nullable(z.string()),
  version: z.nullable(z.number()),
  features: z.array(z.string()),
  contents: z.array(z.string()),
  arch: z.nullable(z.string()),
  container_format: z.nullable(z.string()),
  /** Virtual size of the disk in bytes. */
  virtual_size: z.nullable(z.number()),
  /** Size of the unpacked disk image in bytes. */
  size: z.nullable(z.number()),
  /** File size in bytes. */
  allocation_size: z.nullable(z.number()),
  /** MD5 of the file, packed or not, in hex. */
  md5: z.nullable(z.string()),
  /** SHA-256 of the file, packed or not, in hex. */
  sha256: z.nullable(z.string()),
  warnings: z.array(z.string()),
  refusals: z.array(z.object({ message: z.string(), hint: z.optional(z.string()) })),
  /** The first refusal, in the usual form of errors. */
  error: z.optional(error.shape.error),
})

/** An edit that was made in a guest. */
const guestEdit = z.object({
  action: z.enum(['remove', 'write', 'link']),
  /** Path in the guest. */
  path: z.string(),
  /** The check that asked for it. */
  check: z.string(),
  /** What was done, if the path does not say so. */
  what: z.nullable(z.string()),
})

/** A prepared image: its file, what was changed in the guest, and the check after that. */
export const preparedReport = z.extend(fileReport, { edits: z.array(guestEdit), guest: guestReport })

/** A built image: its file, how its guest was prepared and checked, and the image if it was registered. */
export const builtReport = z.extend(preparedReport, {
  /** ID of the image; null if it was not registered. */
  id: z.nullable(z.string()),
})

/** An exported image: its file, with its checksums. */
export const exportReport = z.extend(fileReport, {
  /** ID of the image. */
  id: z.string(),
  /** Path of the file with the SHA-256. */
  checksum_file: z.string(),
})

/** The verification of one image. */
export const verification = z.object({
  id: z.string(),
  /** `differs` includes missing files; `not_checked` means that this host cannot check the file. */
  result: z.enum(['ok', 'differs', 'not_checked']),
  path: z.nullable(z.string()),
  /** The differences in words, or why the image was not checked. */
  differences: z.array(z.string()),
  /** Whether a `not_checked` image counts as a failure. It does not if its storage is on another host. */
  failed: z.optional(z.boolean()),
})

/** The result of `image verify` for several images. */
export const verifySummary = z.object({
  images: z.array(verification),
  ok: z.int(),
  differs: z.int(),
  not_checked: z.int(),
  /** Number of images without a result because the check was interrupted. */
  unknown: z.int(),
  error: z.optional(error.shape.error),
})
