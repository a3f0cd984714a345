import * as z from 'zod/mini'
import { error } from './error.ts'

const counts = z.object({ added: z.int(), unchanged: z.int() })

/** What an import did, by type. */
export const importSummary = z.object({
  account: counts,
  backup_storage: counts,
  backup_object: counts,
  image: counts,
  label: counts,
  purged_image: counts,
})

/** What is there already and is something else: the names of what differs. */
export const importConflict = z.object({
  /** Canonical id; of a label that of its resource. */
  id: z.string(),
  /** Columns that differ; `uuid` where the id itself is taken, `purged_at` where the image was purged on one side, `label:NAME` for a label. */
  fields: z.array(z.string()),
  /** In words, where the columns don't tell. */
  why: z.optional(z.string()),
})

/** What an import answers: what it did, or why it did nothing. */
export const imported = z.union([
  importSummary,
  z.object({ conflicts: z.array(importConflict), error: error.shape.error }),
])
