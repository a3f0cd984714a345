import * as z from 'zod/mini'
import { time } from './common.ts'

/** The change of one attribute, with values as in `image show` and `backupobject show`. */
const changedValue = z.object({
  /** The attribute, or the name of a label. */
  attr: z.string(),
  /** The value before; absent if no history records it. */
  old: z.optional(z.unknown()),
  /** The new value; null if there is none, as for a removed label. */
  value: z.unknown(),
})

/** What happened to an image or a backup object at one time. */
export const historyEvent = z.object({
  id: z.string(),
  created_at: time,
  event: z.enum([
    'created',
    'imported',
    'changed',
    'labelled',
    'protected',
    'unprotected',
    'deleted',
    'restored',
    'purged',
  ]),
  changes: z.array(changedValue),
})
