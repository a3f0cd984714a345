import type * as z from 'zod/mini'
import type { purged } from '../results/purged.ts'

/** Something that is removed. */
export type Purged = z.output<typeof purged>

/** How a purge went, beside what it removed. */
export interface PurgeOutcome {
  /** Files that should go and could not. */
  notRemoved: number
}
