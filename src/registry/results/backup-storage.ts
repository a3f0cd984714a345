import * as z from 'zod/mini'
import { time } from './common.ts'

/** A backup storage. */
export const backupStorage = z.object({
  id: z.string(),
  display_name: z.string(),
  description: z.nullable(z.string()),
  storage_type: z.string(),
  base_uri: z.string(),
  node_id: z.nullable(z.string()),
  created_at: time,
  updated_at: time,
  deleted_at: z.nullable(time),
})
