import * as z from 'zod/mini'

/** A database and the state of its schema. */
export const databaseStatus = z.object({
  /** Database URI without the password. */
  database: z.string(),
  engine: z.string(),
  /** Number of pending migrations. */
  pending: z.int(),
  /** Version in Wakame-vdc's own `schema_info` table; null if there is no such table. */
  wakame_schema: z.nullable(z.int()),
  /** Release of Wakame-vdc with that version, or the releases before and after it; absent if there is no such table. */
  wakame_release: z.optional(z.string()),
  migrations: z.array(
    z.object({
      name: z.string(),
      /** applied: run and recorded by vdc-manage; present: its tables exist, created by another program; pending: not run yet. */
      state: z.enum(['applied', 'present', 'pending']),
    }),
  ),
})

/** The names of the migrations that were run. */
export const applied = z.object({ applied: z.array(z.string()) })
