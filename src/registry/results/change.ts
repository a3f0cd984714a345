import * as z from 'zod/mini'
import { exact } from './common.ts'

const columns = z.nullable(z.record(z.string(), z.nullable(z.union([z.string(), exact]))))

/** What a dry run tells that would be done; of what doesn't apply it says null. */
export const change = z.object({
  action: z.enum(['insert', 'update', 'delete', 'create', 'remove', 'migrate']),
  /** Of a row. */
  table: z.nullable(z.string()),
  /** The canonical id of the thing that the row is of, or the name of a migration; null of a file. */
  id: z.nullable(z.string()),
  /** All columns as they would be, or of a row to be deleted are. */
  row: columns,
  /** Of an update the columns that would change, as they are. */
  old: columns,
  /** Of a file. */
  path: z.nullable(z.string()),
  file_format: z.nullable(z.string()),
})
