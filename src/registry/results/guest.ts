import * as z from 'zod/mini'
import { error } from './error.ts'

const finding = z.enum(['error', 'warning', 'note', 'unknown'])

/** Where a check found something. */
const evidence = z.object({
  result: finding,
  message: z.string(),
  /** A path in the guest. Bytes that are not UTF-8 are written as \xHH. */
  path: z.nullable(z.string()),
  /** Counted from 1. */
  line: z.nullable(z.int()),
  /** What is written there, cut short. Null if there is nothing, or it is a secret. */
  value: z.nullable(z.string()),
})

/** The result of one check of a guest. */
export const checkReport = z.object({
  /** The folder, the file or the image that was checked, as it was named. */
  guest: z.string(),
  /** ID of the check, such as `net.dhcp`. */
  check: z.string(),
  /** `note` is worth knowing, but no fault. `unknown` could not be decided. */
  result: z.enum(['ok', 'error', 'warning', 'note', 'unknown', 'not_applicable']),
  message: z.string(),
  evidence: z.array(evidence),
  /** Number of findings that are not in `evidence`. */
  more: z.int(),
  /** How to fix it. */
  remedy: z.nullable(z.string()),
})

const system = z.object({
  kind: z.enum(['linux', 'windows', 'none', 'several']),
  /** The ID of os-release(5), such as `debian`. */
  distribution: z.nullable(z.string()),
  version: z.nullable(z.string()),
  name: z.nullable(z.string()),
  init: z.nullable(z.enum(['systemd', 'upstart', 'sysvinit', 'openrc', 'busybox'])),
})

/** All checks of one guest. */
export const guestReport = z.object({
  guest: z.string(),
  /** False if a check found an error, with --strict a warning, or could not read what it needs, or if the guest is not a single Linux system. */
  ready: z.boolean(),
  errors: z.int(),
  warnings: z.int(),
  notes: z.int(),
  unknown: z.int(),
  /** Null if it is unknown. */
  system: z.nullable(system),
  checks: z.array(checkReport),
})

/** The result of `image check`. */
export const checkSummary = z.object({
  /** Whether all guests could be checked, and are ready. */
  ready: z.boolean(),
  guests: z.array(guestReport),
  /** The errors of those of several guests that could not be checked, or whose result could not be saved. */
  failures: z.array(z.object({ guest: z.string(), error: error.shape.error })),
  error: z.optional(error.shape.error),
})
