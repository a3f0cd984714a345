import * as z from 'zod/mini'
import { exact } from './common.ts'

const columns = z.nullable(z.record(z.string(), z.nullable(z.union([z.string(), exact]))))

/** A change that a dry run reports. Fields that do not apply are null. */
export const change = z.object({
  action: z.enum(['insert', 'update', 'delete', 'create', 'remove', 'migrate', 'write', 'link', 'download']),
  /** Table of the row. */
  table: z.nullable(z.string()),
  /** Canonical ID of the thing to which the row belongs, or name of a migration; null for a file. */
  id: z.nullable(z.string()),
  /** All columns: as they would be, or as they are for a row to delete. */
  row: columns,
  /** For an update, the current values of the columns to change. */
  old: columns,
  /** Path of the file; for a change within a guest, of its file there. */
  path: z.nullable(z.string()),
  /** Format of the file. */
  file_format: z.nullable(z.string()),
  /** For a change within a guest, the check that asks for it. */
  check: z.nullable(z.string()),
  /** What a change within a guest does, if its path does not say so; for a download, its URL and size. */
  what: z.nullable(z.string()),
})
