import type * as z from 'zod/mini'
import type { purged } from '../results/purged.ts'

/** An image or a file that a purge removed. */
export type Purged = z.output<typeof purged>

/** The failures of a purge, and the bytes that it freed. */
export interface PurgeOutcome {
  /** The bytes of the removed files. */
  bytes: number
  /** The number of files that could not be removed. */
  notRemoved: number
}
