import * as z from 'zod/mini'

/** What a database is and what it has of the schema. */
export const databaseStatus = z.object({
  /** The database, without its password. */
  database: z.string(),
  engine: z.string(),
  /** How many migrations are to be run. */
  pending: z.int(),
  /** The version in Wakame-vdc's own `schema_info`; null where there is no such table. */
  wakame_schema: z.nullable(z.int()),
  /** The release of Wakame-vdc that has it, or between which releases it lies; left out where there is no such table. */
  wakame_release: z.optional(z.string()),
  migrations: z.array(
    z.object({
      name: z.string(),
      /** applied: run and recorded here; present: what it makes is there, made by another; pending: to be run. */
      state: z.enum(['applied', 'present', 'pending']),
    }),
  ),
})

/** The migrations that were run. */
export const applied = z.object({ applied: z.array(z.string()) })
