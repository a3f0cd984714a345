import * as z from 'zod/mini'
import { STEPS } from '../../guest/try/step.ts'
import { error } from './error.ts'

/** A step of an instance's first boot. */
export const triedStep = z.object({
  /** The file or the image that was tried, as it was named. */
  guest: z.string(),
  /** 1 or 2; null if the step compares both boots. */
  boot: z.nullable(z.int()),
  step: z.enum(STEPS),
  /** `not_seen` is no proof that it did not happen: for example, a guest without a serial console shows no kernel. */
  result: z.enum(['ok', 'failed', 'not_seen']),
  /** Seconds since the virtual machine started. Null if the step has no moment. */
  seconds: z.nullable(z.number()),
  /** What was seen. What the guest sent is cut short. */
  message: z.string(),
})

/** The result of `image try`. */
export const tryReport = z.object({
  guest: z.string(),
  /** Whether it booted, and got its address and its metadata, in each boot; of two boots, whether none of their identities is the same. */
  booted: z.boolean(),
  /** How the processor was run. */
  accel: z.enum(['kvm', 'tcg']),
  /** Number of steps that failed. */
  failed: z.int(),
  /** Number of steps that were not seen. */
  not_seen: z.int(),
  steps: z.array(triedStep),
  error: z.optional(error.shape.error),
})
