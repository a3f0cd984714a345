import * as z from 'zod/mini'
import { error } from './error.ts'

const counts = z.object({ added: z.int(), unchanged: z.int() })

/** Numbers of added and unchanged entries of an import, by type. */
export const importSummary = z.object({
  account: counts,
  backup_storage: counts,
  backup_object: counts,
  image: counts,
  label: counts,
  purged_image: counts,
})

/** An entry that exists in the registry but differs from the imported one. */
export const importConflict = z.object({
  /** Canonical ID; for a label, the ID of its resource. */
  id: z.string(),
  /** Columns that differ; `uuid` if the ID itself is taken, `purged_at` if the image was purged on one side, `label:NAME` for a label. */
  fields: z.array(z.string()),
  /** The reason in words, if the columns do not tell. */
  why: z.optional(z.string()),
})

/** The result of an import: the numbers of entries, or the conflicts because of which nothing was imported. */
export const imported = z.union([
  importSummary,
  z.object({ conflicts: z.array(importConflict), error: error.shape.error }),
])
